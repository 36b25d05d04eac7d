//! The path of an item in the body of a function, as the compiler prints it:
//! `shop::Gateway::charge::here`, `<shop::Gateway<_> as shop::Pay>::charge::here`,
//! `shop::local::<impl shop::Pay for alloc::vec::Vec<u8>>::charge::here`.
//!
//! What is read from it is shown, and is a reason to refuse. It is never stored: a release of the compiler may print it
//! otherwise.

/// The name for readers: the module, the last segment of the type, and the function. Nothing, where the path has another
/// shape than those that are known.
pub(super) fn display(path: &str, module: &str) -> Option<String> {
    let (path, _here) = path.rsplit_once("::")?;
    // What is in a module is below it in each path but that of a method of a trait: it begins with the type.
    let (mut name, rest) = match path.strip_prefix(module).and_then(|rest| rest.strip_prefix("::")) {
        Some(rest) => (module.to_owned(), rest),
        None if path.starts_with('<') => (module.to_owned(), path),
        // A module in the body of a function: its own path does not name the function.
        None => (String::new(), path),
    };
    for segment in segments(rest) {
        let segment = match segment.strip_prefix('<') {
            // A closure, or a constant whose value has items.
            _ if segment.starts_with('{') || segment == "_" => continue,
            Some(impl_of) => type_name(self_type(impl_of.strip_suffix('>')?))?,
            None => identifier(segment)?,
        };
        if !name.is_empty() {
            name.push_str("::");
        }
        name.push_str(segment);
    }
    Some(name)
}

/// Whether the `impl` around the function has type parameters: each is printed as `_`. A const parameter cannot be told
/// from a constant of its name.
pub(super) fn has_types(path: &str) -> bool {
    let mut segments: Vec<_> = segments(path).filter(|segment| !segment.starts_with('{')).collect();
    // The item, and the function. What a nested function is in has parameters that the function does not.
    segments.truncate(segments.len().saturating_sub(2));
    // `_` alone is the name of a constant, whose value has items.
    segments.pop().is_some_and(|around| around != "_" && names_a_parameter(around))
}

/// Whether `_` stands where a type does. In a path it is a constant, and after a quote a lifetime or a character.
fn names_a_parameter(segment: &str) -> bool {
    segment.match_indices('_').any(|(at, underscore)| {
        let (before, after) = (&segment[..at], &segment[at + underscore.len()..]);
        !before.ends_with(|c| is_of_word(c) || matches!(c, '\'' | '"'))
            && !after.starts_with(is_of_word)
            && !before.ends_with("::")
            && !after.starts_with("::")
    })
}

/// Whether a function is one operation. `item` is the path of an item in its body, which is printed with the parameters
/// of all that is around it, and `closure` that of a closure there, with the types and values of the call.
pub(super) fn is_one(item: &str, closure: &str) -> bool {
    let function = item.rsplit_once("::").map_or(item, |(function, _item)| function);
    without_closures(function) == without_closures(closure)
}

fn without_closures(mut path: &str) -> &str {
    while let Some((rest, last)) = path.rsplit_once("::")
        && last.starts_with('{')
        && last.ends_with('}')
    {
        path = rest;
    }
    path
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every bracket, and whether it opens or closes. The arrow of a function is none, and a character in quotes is none.
fn brackets(path: &str) -> impl Iterator<Item = (usize, i32)> + '_ {
    let mut before = ' ';
    path.char_indices().filter_map(move |(at, c)| {
        let (arrow, quote) = (before == '-', before == '\'');
        before = c;
        match c {
            _ if quote && path[at + c.len_utf8()..].starts_with('\'') => None,
            '<' | '(' | '[' | '{' => Some((at, 1)),
            '>' if arrow => None,
            '>' | ')' | ']' | '}' => Some((at, -1)),
            _ => None,
        }
    })
}

/// Whether a place in the path is outside of all brackets.
fn is_outside(path: &str, place: usize) -> bool {
    brackets(path).take_while(|(at, _)| *at < place).map(|(_, depth)| depth).sum::<i32>() == 0
}

/// The parts between the colons that are outside of brackets.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let now = rest?;
        let end = now.match_indices("::").map(|(at, _)| at).find(|at| is_outside(now, *at));
        rest = end.map(|end| &now[end + 2..]);
        Some(&now[..end.unwrap_or(now.len())])
    })
}

/// The type of `impl Trait for Type`, `Type as Trait` or `impl Type`.
fn self_type(of: &str) -> &str {
    let outside = |word: &str| of.match_indices(word).map(|(at, _)| at).find(|at| is_outside(of, *at));
    if let Some(of) = of.strip_prefix("impl ") {
        let of_trait = of.match_indices(" for ").map(|(at, _)| at).find(|at| is_outside(of, *at));
        return of_trait.map_or(of, |at| &of[at + 5..]);
    }
    outside(" as ").map_or(of, |at| &of[..at])
}

/// The last segment of a type, without what it is generic over; of a trait object, that of its first trait. Nothing for a
/// type that has no name.
fn type_name(ty: &str) -> Option<&str> {
    let ty = ty.trim_start_matches('&');
    let ty = ty.strip_prefix("mut ").unwrap_or(ty);
    let ty = match ty.strip_prefix("dyn ") {
        Some(traits) => traits.split_once(" + ").map_or(traits, |(first, _)| first),
        None => ty,
    };
    identifier(segments(ty).last()?)
}

/// A segment without what it is generic over.
fn identifier(segment: &str) -> Option<&str> {
    let name = segment.split_once('<').map_or(segment, |(name, _)| name);
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(is_of_word);
    (is_name && name != "_").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As today's compiler prints them.
    #[test]
    fn every_shape_is_read() {
        for (path, module, name, found) in [
            ("a::shop::pay::here", "a::shop", Some("a::shop::pay"), false),
            ("a::shop::Gateway::pay::here", "a::shop", Some("a::shop::Gateway::pay"), false),
            ("a::shop::G<_>::pay::here", "a::shop", Some("a::shop::G::pay"), true),
            ("a::shop::G<u8>::pay::here", "a::shop", Some("a::shop::G::pay"), false),
            ("a::shop::C<N>::pay::here", "a::shop", Some("a::shop::C::pay"), false),
            ("a::shop::C<7, true, 'N'>::pay::here", "a::shop", Some("a::shop::C::pay"), false),
            ("a::shop::C<{m::MIN}>::pay::here", "a::shop", Some("a::shop::C::pay"), false),
            ("a::shop::L<'_>::pay::here", "a::shop", Some("a::shop::L::pay"), false),
            ("<a::shop::Gateway as a::Tr>::m::here", "a::shop", Some("a::shop::Gateway::m"), false),
            ("<a::shop::Gateway as a::Tr<_>>::m::here", "a::shop", Some("a::shop::Gateway::m"), true),
            ("<_ as a::Tr>::m::here", "a::shop", None, true),
            ("<&_ as a::Tr>::m::here", "a::shop", None, true),
            ("<&mut a::G<u8> as a::Tr>::m::here", "a::shop", Some("a::shop::G::m"), false),
            ("<[u8; N] as a::Tr>::m::here", "a::shop", None, false),
            ("<(a::Z, &'_ str) as a::Tr>::m::here", "a::shop", None, false),
            ("<extern \"C\" fn(&'_ u8) -> ! as a::Tr>::m::here", "a::shop", None, false),
            ("<<a::Z as a::As>::X as a::Tr>::m::here", "a::shop", Some("a::shop::X::m"), false),
            ("a::shop::<impl a::Gateway>::pay::here", "a::shop", Some("a::shop::Gateway::pay"), false),
            (
                "a::shop::<impl a::Tr<u8> for alloc::vec::Vec<core::option::Option<_>>>::m::here",
                "a::shop",
                Some("a::shop::Vec::m"),
                true,
            ),
            (
                "<alloc::boxed::Box<dyn core::iter::Iterator<Item = u8> + core::marker::Send> as a::Tr>::m::here",
                "a::shop",
                Some("a::shop::Box::m"),
                false,
            ),
            ("a::tests::it_works::pay::here", "a::tests", Some("a::tests::it_works::pay"), false),
            ("a::shop::outer::X<_>::pay::here", "a::shop", Some("a::shop::outer::X::pay"), true),
            ("a::shop::main::{{closure}}::pay::here", "a::shop", Some("a::shop::main::pay"), false),
            ("<a::f::L as a::f::Q>::q::inner::here", "a", Some("a::L::q::inner"), false),
            ("a::shop::G<_>::m::inner::here", "a::shop", Some("a::shop::G::m::inner"), false),
            ("a::shop::_::<impl a::Z>::pay::here", "a::shop", Some("a::shop::Z::pay"), false),
            ("a::shop::_::pay::here", "a::shop", Some("a::shop::pay"), false),
            ("<dyn a::Tr + core::marker::Send as a::Tr>::m::here", "a::shop", Some("a::shop::Tr::m"), false),
            ("a::shop::<impl (dyn a::Tr + 'static)>::m::here", "a::shop", None, false),
            ("a::shop::<impl a::Tr for dyn a::B>::m::here", "a::shop", Some("a::shop::B::m"), false),
            ("a::shop::CC<'<'>::pay::here", "a::shop", Some("a::shop::CC::pay"), false),
            ("a::shop::CC<'_'>::pay::here", "a::shop", Some("a::shop::CC::pay"), false),
            ("<<_ as a::As>::X as a::Tr>::m::here", "a::shop", Some("a::shop::X::m"), true),
            ("a::f::inner::W::w::here", "a::inner", Some("a::f::inner::W::w"), false),
        ] {
            assert_eq!(display(path, module).as_deref(), name, "{path}");
            assert_eq!(has_types(path), found, "{path}");
        }
    }

    proptest::proptest! {
        /// What another compiler prints is not known: it is read, or is not.
        #[test]
        fn whatever_is_printed_does_no_harm(path in "[a-z:<>{}()\\[\\]'\"_ &é=,-]{0,40}", module in "[a-z:]{0,8}") {
            let _ = (display(&path, &module), has_types(&path), is_one(&path, &module));
        }
    }
}
