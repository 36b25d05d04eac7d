//! Whether JSON gives a value back as it was. It writes `NaN` and `Some(())` as `null`, and reads that as nothing.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Serializer};

/// Walks through a value as it would be written. No error: it comes back.
pub(super) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), Lost> {
    value.serialize(Walk).map(|_| ())
}

/// Why a value would not come back.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Lost(String);

impl ser::Error for Lost {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// How a value looks in JSON, as far as it matters to an `Option` around it.
#[derive(PartialEq)]
enum Looks {
    Null,
    Something,
}

type Walked = Result<Looks, Lost>;

struct Walk;

fn number(finite: bool) -> Walked {
    if finite { Ok(Looks::Something) } else { Err(Lost("a number that JSON does not have".to_owned())) }
}

/// The plain values, none of which is `null`.
macro_rules! something {
    ($($method:ident($($ty:ty),*))*) => { $(fn $method(self, $(_: $ty),*) -> Walked {
        Ok(Looks::Something)
    })* };
}

/// The containers. Whatever is in them, they are not `null`.
macro_rules! container {
    ($($method:ident($($ty:ty),*) -> $name:ident)*) => { $(
        type $name = Self;
        fn $method(self, $(_: $ty),*) -> Result<Self, Lost> {
            Ok(self)
        }
    )* };
}

#[rustfmt::skip] // the lists read better closed up
impl Serializer for Walk {
    type Ok = Looks;
    type Error = Lost;

    something! {
        serialize_bool(bool) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_unit_variant(&'static str, u32, &'static str)
    }
    container! {
        serialize_seq(Option<usize>) -> SerializeSeq
        serialize_tuple(usize) -> SerializeTuple
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant
        serialize_map(Option<usize>) -> SerializeMap
        serialize_struct(&'static str, usize) -> SerializeStruct
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant
    }

    fn serialize_f32(self, value: f32) -> Walked {
        number(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Walked {
        number(value.is_finite())
    }

    fn serialize_none(self) -> Walked {
        Ok(Looks::Null)
    }

    fn serialize_unit(self) -> Walked {
        Ok(Looks::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Walked {
        Ok(Looks::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Walked {
        match value.serialize(self)? {
            Looks::Null => Err(Lost("a `Some` that JSON reads as `None`".to_owned())),
            Looks::Something => Ok(Looks::Something),
        }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Walked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self, _: &'static str, _: u32, _: &'static str, value: &T,
    ) -> Walked {
        value.serialize(self).map(|_| Looks::Something)
    }
}

macro_rules! parts {
    ($($name:ident $method:ident($($key:ty)?))*) => { $(impl ser::$name for Walk {
        type Ok = Looks;
        type Error = Lost;

        fn $method<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<(), Lost> {
            check(value)
        }

        fn end(self) -> Walked {
            Ok(Looks::Something)
        }
    })* };
}

parts! {
    SerializeSeq serialize_element()
    SerializeTuple serialize_element()
    SerializeTupleStruct serialize_field()
    SerializeTupleVariant serialize_field()
    SerializeStruct serialize_field(&'static str)
    SerializeStructVariant serialize_field(&'static str)
}

impl ser::SerializeMap for Walk {
    type Ok = Looks;
    type Error = Lost;

    /// What cannot be a key is refused where the value is written.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Lost> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Lost> {
        check(value)
    }

    fn end(self) -> Walked {
        Ok(Looks::Something)
    }
}
