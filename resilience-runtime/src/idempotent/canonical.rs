//! A value as text: the same for equal values, another one for different values.
//!
//! It is compact JSON, but for two things. Maps and hash sets, which come in any order, have one here. And what JSON
//! writes alike is told apart: `NaN` and `None`, `Some(())` and `None`.

use std::any::type_name;
use std::collections::{HashSet, hash_set};
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::ser::{self, Serializer};

use super::codec::USUAL_BYTES;

/// The text of a value as far as JSON tells values apart, for a fingerprint. Where nothing in it is a map or a hash set, and JSON
/// can write it, it is that JSON.
pub(super) fn text<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Refused> {
    Ok(Writer::over(value, Rules::default())?.text)
}

/// Whether JSON would say what the value is: it has neither `NaN` nor `Some(())`.
pub(super) fn is_json<T: Serialize + ?Sized>(value: &T) -> Result<bool, Refused> {
    Ok(!Writer::over(value, Rules::default())?.is_beyond_json)
}

/// Whether serde sees no difference between two values of a type, also not of the types in them. `any_order` takes every
/// sequence for a set.
pub(super) fn are_alike<T: Serialize + ?Sized>(one: &T, other: &T, any_order: bool) -> Result<bool, Refused> {
    let rules = Rules { typed: true, any_order };
    Ok(Writer::over(one, rules)?.text == Writer::over(other, rules)?.text)
}

/// The value's own `Serialize` has failed. Its words may hold a part of the value, and are not kept.
#[derive(Debug, thiserror::Error)]
#[error("its `Serialize` failed")]
pub(super) struct Refused;

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Rules {
    /// Says the types of what it writes.
    typed: bool,
    /// Takes every sequence for a set.
    any_order: bool,
}

struct Writer {
    text: Vec<u8>,
    rules: Rules,
    /// There was something that JSON cannot say.
    is_beyond_json: bool,
}

type Written = Result<(), Refused>;

impl Writer {
    fn over<T: Serialize + ?Sized>(value: &T, rules: Rules) -> Result<Self, Refused> {
        let text = Vec::with_capacity(USUAL_BYTES);
        let mut writer = Self { text, rules, is_beyond_json: false };
        value.serialize(&mut writer)?;
        Ok(writer)
    }

    fn put(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn put_type(&mut self, name: &str) {
        if self.rules.typed {
            self.put(name);
        }
    }

    /// As JSON has it.
    fn put_json<T: Serialize + ?Sized>(&mut self, plain: &T) -> Written {
        serde_json::to_writer(&mut self.text, plain).map_err(|_| Refused)
    }

    fn put_float<T: Serialize + fmt::Display>(&mut self, value: T, is_finite: bool) -> Written {
        if is_finite {
            return self.put_json(&value);
        }
        self.is_beyond_json = true;
        self.put(&value.to_string());
        Ok(())
    }

    /// What is in between belongs to the variant of an enum.
    fn open_variant(&mut self, variant: &str) -> Written {
        self.put("{");
        self.put_json(variant)?;
        self.put(":");
        Ok(())
    }

    fn open(&mut self, bracket: &str, close: &'static str, has_order: bool) -> Parts<'_> {
        self.put(bracket);
        let start = self.text.len();
        Parts { writer: self, start, close, sorted: (!has_order).then(Vec::new) }
    }

    fn open_sequence(&mut self, has_order: bool) -> Parts<'_> {
        self.put_type("seq");
        let has_order = has_order && !self.rules.any_order;
        self.open("[", "]", has_order)
    }
}

/// Whether what is serialised by this iterator is a set that has no order. Its type says so: to serde it is a sequence, as a list
/// is. All names are spelled by one compiler.
fn is_hash_set<I>() -> bool {
    let head = |name: &'static str| name.split('<').next();
    let sets = [
        type_name::<&HashSet<()>>(),
        type_name::<hash_set::Iter<'_, ()>>(),
        type_name::<&hashbrown::HashSet<()>>(),
        type_name::<hashbrown::hash_set::Iter<'_, ()>>(),
    ];
    sets.into_iter().any(|set| head(set) == head(type_name::<I>()))
}

macro_rules! integers {
    ($($method:ident($ty:ident))*) => { $(fn $method(self, value: $ty) -> Written {
        self.put_type(stringify!($ty));
        self.put(itoa::Buffer::new().format(value));
        Ok(())
    })* };
}

#[rustfmt::skip] // the lists read better closed up
impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    integers! {
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
    }

    fn serialize_bool(self, value: bool) -> Written {
        self.put_json(&value)
    }

    fn serialize_f32(self, value: f32) -> Written {
        self.put_type("f32");
        self.put_float(value, value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Written {
        self.put_type("f64");
        self.put_float(value, value.is_finite())
    }

    fn serialize_char(self, value: char) -> Written {
        self.put_type("char");
        self.put_json(&value)
    }

    fn serialize_str(self, value: &str) -> Written {
        self.put_json(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        self.put_type("bytes");
        self.put_json(value)
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        let start = self.text.len();
        value.serialize(&mut *self)?;
        let inner = &self.text[start..];
        if inner.strip_suffix(b"null").is_some_and(|before| before.iter().all(|&byte| byte == b'?')) {
            self.is_beyond_json = true;
            self.text.insert(start, b'?');
        }
        Ok(())
    }

    fn serialize_unit(self) -> Written {
        self.put("null");
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Written {
        self.put_type(name);
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.put_type("variant");
        self.put_json(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Written {
        self.put_type(name);
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self, _: &'static str, _: u32, variant: &'static str, value: &T,
    ) -> Written {
        self.open_variant(variant)?;
        value.serialize(&mut *self)?;
        self.put("}");
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Refused> {
        Ok(self.open_sequence(true))
    }

    fn collect_seq<I: IntoIterator<Item: Serialize>>(self, items: I) -> Written {
        let mut parts = self.open_sequence(!is_hash_set::<I>());
        items.into_iter().try_for_each(|item| parts.add(&item))?;
        parts.close();
        Ok(())
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Refused> {
        Ok(self.open("[", "]", true))
    }

    fn serialize_tuple_struct(self, name: &'static str, length: usize) -> Result<Parts<'a>, Refused> {
        self.put_type(name);
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self, _: &'static str, _: u32, variant: &'static str, _: usize,
    ) -> Result<Parts<'a>, Refused> {
        self.open_variant(variant)?;
        Ok(self.open("[", "]}", true))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Refused> {
        self.put_type("map");
        Ok(self.open("{", "}", false))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Parts<'a>, Refused> {
        self.put_type(name);
        Ok(self.open("{", "}", true))
    }

    fn serialize_struct_variant(
        self, _: &'static str, _: u32, variant: &'static str, _: usize,
    ) -> Result<Parts<'a>, Refused> {
        self.open_variant(variant)?;
        Ok(self.open("{", "}}", true))
    }
}

/// What stands between two brackets.
struct Parts<'a> {
    writer: &'a mut Writer,
    /// Where the first part begins.
    start: usize,
    close: &'static str,
    /// Where each part lies, if they have no order of their own.
    sorted: Option<Vec<Part>>,
}

struct Part {
    /// A key, or an element.
    name: Range<usize>,
    end: usize,
}

impl Parts<'_> {
    /// An element, or a key.
    fn add<T: Serialize + ?Sized>(&mut self, name: &T) -> Written {
        if self.writer.text.len() > self.start {
            self.writer.put(",");
        }
        let start = self.writer.text.len();
        name.serialize(&mut *self.writer)?;
        let end = self.writer.text.len();
        if let Some(parts) = &mut self.sorted {
            parts.push(Part { name: start..end, end });
        }
        Ok(())
    }

    fn add_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.writer.put(":");
        value.serialize(&mut *self.writer)?;
        if let Some(part) = self.sorted.as_mut().and_then(|parts| parts.last_mut()) {
            part.end = self.writer.text.len();
        }
        Ok(())
    }

    fn close(self) {
        let Self { writer, start, close, sorted } = self;
        if let Some(mut parts) = sorted.filter(|parts| parts.len() > 1) {
            let text = &writer.text;
            // A stable sort, by the key alone: who writes one key twice means the order of its values.
            parts.sort_by(|one, other| text[one.name.clone()].cmp(&text[other.name.clone()]));
            let parts: Vec<&[u8]> = parts.iter().map(|part| &text[part.name.start..part.end]).collect();
            let sorted = parts.join(&b","[..]);
            writer.text[start..].copy_from_slice(&sorted);
        }
        writer.put(close);
    }
}

macro_rules! parts {
    ($($name:ident $method:ident)*) => { $(impl ser::$name for Parts<'_> {
        type Ok = ();
        type Error = Refused;

        fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
            self.add(value)
        }

        fn end(self) -> Written {
            self.close();
            Ok(())
        }
    })* };
}

parts! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

macro_rules! fields {
    ($($name:ident)*) => { $(impl ser::$name for Parts<'_> {
        type Ok = ();
        type Error = Refused;

        fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
            self.add(key)?;
            self.add_value(value)
        }

        fn end(self) -> Written {
            self.close();
            Ok(())
        }
    })* };
}

fields!(SerializeStruct SerializeStructVariant);

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.add(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.add_value(value)
    }

    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
