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
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashMap};
    use std::hash::BuildHasherDefault;

    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    #[derive(Debug, Clone, Serialize)]
    enum Shape {
        Unit,
        Wrapped(Vec<Shape>),
        Pair(i64, String),
        Named { one: Option<f64>, two: f32, three: Vec<u8> },
        Other(char, bool, u128, i128),
        Marker(Marker, Newtype),
    }

    #[derive(Debug, Clone, Copy, Serialize)]
    struct Marker;

    #[derive(Debug, Clone, Copy, Serialize)]
    struct Newtype(u16);

    fn shape() -> impl Strategy<Value = Shape> {
        let one = prop_oneof![
            Just(Shape::Unit),
            (any::<i64>(), any::<String>()).prop_map(|(number, text)| Shape::Pair(number, text)),
            (prop::option::of(-1e9..1e9), -1f32..1.0, any::<Vec<u8>>())
                .prop_map(|(one, two, three)| Shape::Named { one, two, three }),
            (any::<char>(), any::<bool>(), any::<u128>(), any::<i128>())
                .prop_map(|(one, two, three, four)| Shape::Other(one, two, three, four)),
            any::<u16>().prop_map(|number| Shape::Marker(Marker, Newtype(number))),
        ];
        one.prop_recursive(3, 12, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Shape::Wrapped))
    }

    proptest! {
        /// Fingerprints that were kept before stay good.
        #[test]
        fn what_has_no_map_is_json(shape in shape()) {
            prop_assert_eq!(text(&shape).expect("written"), serde_json::to_vec(&shape).expect("JSON"));
            prop_assert!(is_json(&shape).expect("written"));
        }

        #[test]
        fn maps_and_sets_are_the_same_in_any_order(entries in prop::collection::btree_map(any::<u8>(), any::<String>(), 0..20)) {
            let text_of = |entries: &BTreeMap<u8, String>| {
                let map: HashMap<_, _> = entries.clone().into_iter().collect();
                let set: HashSet<_> = entries.clone().into_iter().collect();
                let other = Brown(entries.clone().into_iter().collect());
                [text(&map), text(&Some(vec![&set])), text(&other)].map(|text| text.expect("written"))
            };
            // Each set and each map has a seed of its own.
            prop_assert_eq!(text_of(&entries), text_of(&entries));
            let ordered: BTreeSet<_> = entries.iter().collect();
            prop_assert_eq!(text(&ordered).expect("written"), serde_json::to_vec(&ordered).expect("JSON"));
        }
    }

    /// As the crate itself writes it, with its feature `serde`.
    struct Brown(hashbrown::HashSet<(u8, String), std::hash::RandomState>);

    impl Serialize for Brown {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(&self.0)
        }
    }

    fn texts<T: Serialize>(values: &[T]) -> BTreeSet<Vec<u8>> {
        values.iter().map(|value| text(value).expect("written")).collect()
    }

    #[test]
    fn different_values_have_different_texts() {
        assert_eq!(texts(&[vec![1, 2], vec![2, 1], vec![12], vec![]]).len(), 4, "a list has an order");
        assert_eq!(texts(&[[1, 2], [2, 1]]).len(), 2);
        assert_eq!(
            texts(&[None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(0.0)]).len(),
            5
        );
        assert_eq!(texts(&[None, Some(None), Some(Some(None)), Some(Some(Some(())))]).len(), 4);
        assert_eq!(texts(&[Some("null"), None, Some("?null")]).len(), 3);
        let sets = [HashSet::from(["a", "b"]), HashSet::from(["a,b"]), HashSet::from(["a"]), HashSet::new()];
        assert_eq!(texts(&sets).len(), 4);
        let maps =
            [HashMap::from([(1, 2), (3, 4)]), HashMap::from([(1, 4), (3, 2)]), HashMap::from([(1, 2)])];
        assert_eq!(texts(&maps).len(), 3);
        // No keys of JSON.
        assert_eq!(
            texts(&[HashMap::from([((1, 2), 3), ((2, 1), 3)]), HashMap::from([((1, 2), 3)])]).len(),
            2
        );
    }

    /// Who writes a key twice says something by it.
    #[test]
    fn the_values_of_one_key_have_an_order() {
        struct Headers([(&'static str, u8); 3]);
        impl Serialize for Headers {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0)
            }
        }
        let headers =
            [[("a", 1), ("a", 2), ("b", 3)], [("b", 3), ("a", 1), ("a", 2)], [("a", 2), ("b", 3), ("a", 1)]];
        let [one, same, other] = headers.map(|entries| text(&Headers(entries)).expect("written"));
        assert!(one == same && one != other);
    }

    /// A set that serde cannot tell from a list.
    #[derive(Clone, Copy)]
    struct Unknown([u8; 2]);

    impl Serialize for Unknown {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.0)
        }
    }

    #[test]
    fn values_are_alike_where_serde_sees_no_difference() {
        // The same seed, and another order all the same: that of the insertions.
        type Seeded<T> = HashSet<T, BuildHasherDefault<std::hash::DefaultHasher>>;
        fn alike<T: Serialize>(one: &T, other: &T) -> [bool; 2] {
            [false, true].map(|any_order| are_alike(one, other, any_order).expect("written"))
        }
        assert_eq!(alike(&Unknown([1, 2]), &Unknown([2, 1])), [false, true]);
        assert_eq!(alike(&Unknown([1, 2]), &Unknown([2, 3])), [false, false]);
        assert_eq!(alike(&(1, 2), &(2, 1)), [false, false]);
        assert_eq!(alike(&Seeded::from_iter([1, 2]), &Seeded::from_iter([2, 1])), [true, true]);
        assert_eq!(alike(&Some(()), &None), [false, false]);
        assert_eq!(alike(&Some(f64::NAN), &None), [false, false]);
        assert_eq!(alike(&f64::NAN, &f64::NAN), [true, true]);
    }

    /// To an untagged enum they are one JSON, and it reads the first.
    #[test]
    fn structs_of_other_names_are_not_alike() {
        #[derive(Serialize)]
        struct Paid {
            id: u32,
        }
        #[derive(Serialize)]
        struct Refunded {
            id: u32,
        }
        #[derive(Serialize)]
        struct Both(Marker, Newtype);
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Reply {
            Paid(Paid),
            Refunded(Refunded),
            Marker(Marker),
            Unit(()),
            Newtype(Newtype),
            Number(u16),
            Both(Both),
            Pair(Marker, Newtype),
        }
        for (one, other) in [
            (Reply::Paid(Paid { id: 1 }), Reply::Refunded(Refunded { id: 1 })),
            (Reply::Marker(Marker), Reply::Unit(())),
            (Reply::Newtype(Newtype(1)), Reply::Number(1)),
            (Reply::Both(Both(Marker, Newtype(1))), Reply::Pair(Marker, Newtype(1))),
        ] {
            assert_eq!(text(&one).expect("written"), text(&other).expect("written"), "one JSON");
            assert!(!are_alike(&one, &other, true).expect("written"));
        }
    }

    #[test]
    fn what_json_cannot_say_is_found() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!is_json(&vec![Some(number)]).expect("written"));
        }
        assert!(!is_json(&BTreeMap::from([("x", Some(None::<u8>))])).expect("written"));
        assert!(is_json(&(Some(1.5), [Some("x"), None], BTreeMap::from([(1, 'a')]))).expect("written"));
    }
}
