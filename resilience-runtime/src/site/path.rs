//! The path of an item in the body of a function, as the compiler prints it:
//! `shop::Gateway::charge::here`, `<shop::Gateway<_> as shop::Pay>::charge::here`,
//! `shop::local::<impl shop::Pay for alloc::vec::Vec<u8>>::charge::here`.
//!
//! What is read from it is shown, and is a reason to refuse. It is never stored: a release of the compiler may print it
//! otherwise.

/// Whether a function is one operation, or one for each of the types and values of the `impl` around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generics {
    /// The `impl` has no parameters.
    None,
    /// It has none, or a const parameter: `C<N>` is printed for a parameter `N`, and for a constant of this name.
    PerhapsConst,
    /// It has type parameters.
    Types,
}

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
            _ if segment.starts_with('{') => continue,
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

/// What the `impl` around the function is generic over.
pub(super) fn generics(path: &str) -> Generics {
    let mut found = Generics::None;
    let mut rest = path;
    while let Some(start) = rest.find(|c: char| is_of_word(c) || matches!(c, '\'' | '"' | '{')) {
        let (before, from) = rest.split_at(start);
        let (word, after) = match from.as_bytes()[0] {
            b'"' => quoted(from, '"'),
            // A lifetime, or a character.
            b'\'' if from[1..].find('\'').is_some_and(|end| from[1..=end].chars().count() == 1) => {
                quoted(from, '\'')
            }
            b'\'' => ("", from[1..].trim_start_matches(is_of_word)),
            // An expression, or a closure.
            b'{' => from.split_at(closing(from)),
            _ => from.split_at(from.find(|c| !is_of_word(c)).unwrap_or(from.len())),
        };
        match word {
            "_" => return Generics::Types,
            _ if before.ends_with("::") || after.starts_with("::") => {}
            // The associated type of a trait object.
            _ if after.starts_with(" = ") => {}
            _ if is_parameter(word) => found = Generics::PerhapsConst,
            _ => {}
        }
        rest = after;
    }
    found
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A word that stands alone where a type or a value does, and is no word of the language.
fn is_parameter(word: &str) -> bool {
    const WORDS: [&str; 29] = [
        "as", "bool", "char", "const", "dyn", "extern", "f128", "f16", "f32", "f64", "false", "fn", "for",
        "i128", "i16", "i32", "i64", "i8", "impl", "isize", "mut", "str", "true", "u128", "u16", "u32",
        "u64", "u8", "usize",
    ];
    word.starts_with(|c: char| c.is_alphabetic()) && !WORDS.contains(&word) && word != "unsafe"
}

/// A literal in quotes, and what follows it.
fn quoted(from: &str, quote: char) -> (&str, &str) {
    let end = from[1..].find(quote).map_or(from.len(), |end| end + 2);
    ("", &from[end..])
}

/// Where the bracket at the start is closed.
fn closing(from: &str) -> usize {
    let mut depth = 0;
    for (at, c) in brackets(from) {
        depth += c;
        if depth == 0 {
            return at + 1;
        }
    }
    from.len()
}

/// Every bracket, and whether it opens or closes. The arrow of a function is none.
fn brackets(path: &str) -> impl Iterator<Item = (usize, i32)> + '_ {
    let mut before = ' ';
    path.char_indices().filter_map(move |(at, c)| {
        let arrow = before == '-';
        before = c;
        match c {
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

/// The last segment of a type, without what it is generic over. Nothing for a type that has no name.
fn type_name(ty: &str) -> Option<&str> {
    let ty = ty.trim_start_matches('&');
    let ty = ty.strip_prefix("mut ").unwrap_or(ty);
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
            ("a::shop::pay::here", "a::shop", Some("a::shop::pay"), Generics::None),
            ("a::shop::Gateway::pay::here", "a::shop", Some("a::shop::Gateway::pay"), Generics::None),
            ("a::shop::G<_>::pay::here", "a::shop", Some("a::shop::G::pay"), Generics::Types),
            ("a::shop::G<u8>::pay::here", "a::shop", Some("a::shop::G::pay"), Generics::None),
            ("a::shop::C<N>::pay::here", "a::shop", Some("a::shop::C::pay"), Generics::PerhapsConst),
            ("a::shop::C<7, true, 'N'>::pay::here", "a::shop", Some("a::shop::C::pay"), Generics::None),
            ("a::shop::C<{m::MIN}>::pay::here", "a::shop", Some("a::shop::C::pay"), Generics::None),
            ("a::shop::L<'_>::pay::here", "a::shop", Some("a::shop::L::pay"), Generics::None),
            ("<a::shop::Gateway as a::Tr>::m::here", "a::shop", Some("a::shop::Gateway::m"), Generics::None),
            (
                "<a::shop::Gateway as a::Tr<_>>::m::here",
                "a::shop",
                Some("a::shop::Gateway::m"),
                Generics::Types,
            ),
            ("<_ as a::Tr>::m::here", "a::shop", None, Generics::Types),
            ("<&_ as a::Tr>::m::here", "a::shop", None, Generics::Types),
            ("<&mut a::G<u8> as a::Tr>::m::here", "a::shop", Some("a::shop::G::m"), Generics::None),
            ("<[u8; N] as a::Tr>::m::here", "a::shop", None, Generics::PerhapsConst),
            ("<(a::Z, &'_ str) as a::Tr>::m::here", "a::shop", None, Generics::None),
            ("<extern \"C\" fn(&'_ u8) -> ! as a::Tr>::m::here", "a::shop", None, Generics::None),
            ("<<a::Z as a::As>::X as a::Tr>::m::here", "a::shop", Some("a::shop::X::m"), Generics::None),
            (
                "a::shop::<impl a::Gateway>::pay::here",
                "a::shop",
                Some("a::shop::Gateway::pay"),
                Generics::None,
            ),
            (
                "a::shop::<impl a::Tr<u8> for alloc::vec::Vec<core::option::Option<_>>>::m::here",
                "a::shop",
                Some("a::shop::Vec::m"),
                Generics::Types,
            ),
            (
                "<alloc::boxed::Box<dyn core::iter::Iterator<Item = u8> + core::marker::Send> as a::Tr>::m::here",
                "a::shop",
                Some("a::shop::Box::m"),
                Generics::None,
            ),
            ("a::tests::it_works::pay::here", "a::tests", Some("a::tests::it_works::pay"), Generics::None),
            ("a::shop::outer::X<_>::pay::here", "a::shop", Some("a::shop::outer::X::pay"), Generics::Types),
            ("a::shop::main::{{closure}}::pay::here", "a::shop", Some("a::shop::main::pay"), Generics::None),
            ("<a::f::L as a::f::Q>::q::inner::here", "a", Some("a::L::q::inner"), Generics::None),
            ("a::f::inner::W::w::here", "a::inner", Some("a::f::inner::W::w"), Generics::None),
        ] {
            assert_eq!(display(path, module).as_deref(), name, "{path}");
            assert_eq!(generics(path), found, "{path}");
        }
    }

    proptest::proptest! {
        /// What another compiler prints is not known: it is read, or is not.
        #[test]
        fn whatever_is_printed_does_no_harm(path in "[a-z:<>{}()\\[\\]'\"_ &é=,-]{0,40}", module in "[a-z:]{0,8}") {
            let _ = (display(&path, &module), generics(&path));
        }
    }
}
