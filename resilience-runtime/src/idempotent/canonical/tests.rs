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
    let maps = [HashMap::from([(1, 2), (3, 4)]), HashMap::from([(1, 4), (3, 2)]), HashMap::from([(1, 2)])];
    assert_eq!(texts(&maps).len(), 3);
    // No keys of JSON.
    assert_eq!(texts(&[HashMap::from([((1, 2), 3), ((2, 1), 3)]), HashMap::from([((1, 2), 3)])]).len(), 2);
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
