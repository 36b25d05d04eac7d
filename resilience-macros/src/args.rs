//! The arguments of an attribute: read one by one by name, each with its place in the source.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, ExprLit, ExprUnary, Lit, LitStr, Token, UnOp};

use crate::error::{Errors, Place, Result, at, list, nearest};

/// One argument: `name`, `name = value` or `name(...)`.
#[derive(Clone)]
pub(crate) struct Arg {
    pub(crate) name: Ident,
    pub(crate) value: ArgValue,
}

#[derive(Clone)]
pub(crate) enum ArgValue {
    None,
    Expr(Expr),
    List(TokenStream),
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = Ident::parse_any(input)?;
        let value = if input.peek(syn::token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            ArgValue::List(content.parse()?)
        } else if input.peek(Token![==]) || input.peek(Token![=>]) || input.peek(Token![:]) {
            let sign: TokenTree = input.parse()?;
            let wrong = format!("`{name}` gets its value by `=`");
            return Err(at(sign, wrong, format!("write `{name} = ...`")));
        } else if input.parse::<Option<Token![=]>>()?.is_some() {
            if input.is_empty() || input.peek(Token![,]) {
                return Err(at(
                    &name,
                    format!("`{name} =` has no value"),
                    format!("write it behind the `=`: `{name} = ...`"),
                ));
            }
            let written = piece(input);
            let value = input.parse().map_err(|_| {
                at(
                    written,
                    format!("the value of `{name}` is no expression"),
                    "finish it, or put a comma behind it",
                )
            })?;
            ArgValue::Expr(value)
        } else {
            ArgValue::None
        };
        Ok(Self { name, value })
    }
}

/// What stands in front of the next comma.
fn piece(input: ParseStream<'_>) -> TokenStream {
    let rest: TokenStream = input.fork().parse().unwrap_or_default();
    let comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    rest.into_iter().take_while(|token| !comma(token)).collect()
}

/// Reads what stands between the parentheses of `attribute`; `example` shows what an argument looks like.
pub(crate) fn list_of<T: Parse>(attribute: &str, example: &str, tokens: TokenStream) -> syn::Result<Vec<T>> {
    let by_name = |place: TokenStream| {
        let help = format!("name the argument: `#[{attribute}({example})]`");
        at(place, format!("`#[{attribute}]` takes arguments by name"), help)
    };
    let parser = |input: ParseStream<'_>| {
        let mut found = Vec::new();
        while !input.is_empty() {
            let written = piece(input);
            if !input.peek(Ident::peek_any) {
                return Err(by_name(if written.is_empty() { input.parse()? } else { written }));
            }
            found.push(input.parse()?);
            if input.is_empty() {
                break;
            }
            if input.parse::<Option<Token![,]>>()?.is_none() {
                if !written.to_string().contains('=') {
                    return Err(by_name(written));
                }
                let next: TokenTree = input.parse()?;
                let help = format!("put a comma in front of `{next}`");
                return Err(at(&next, "a comma is missing between two arguments", help));
            }
        }
        Ok(found)
    };
    parser.parse2(tokens)
}

/// The place of the whole, for an error.
impl ToTokens for Arg {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let start = self.name.span();
        let end = match &self.value {
            ArgValue::None => start,
            ArgValue::Expr(value) => Place::of(value).end,
            ArgValue::List(list) => Place::of(list).end,
        };
        Place { start, end }.to_tokens(tokens);
    }
}

/// The arguments that were written, minus those already read.
pub(crate) struct Args {
    policy: &'static str,
    example: &'static str,
    /// The whole attribute.
    pub(crate) place: Place,
    rest: Vec<Arg>,
    /// The names that were asked for, which are the names there are.
    known: Vec<&'static str>,
    pub(crate) errors: Errors,
}

impl Args {
    /// `example` shows what an argument looks like.
    pub(crate) fn parse(
        policy: &'static str,
        example: &'static str,
        place: Place,
        tokens: TokenStream,
    ) -> Result<Self> {
        let rest = list_of(policy, example, tokens)?;
        Ok(Self { policy, example, place, rest, known: Vec::new(), errors: Errors::default() })
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty() && self.known.is_empty()
    }

    /// The names that were written, in their order.
    pub(crate) fn order(&self) -> Vec<String> {
        self.rest.iter().map(|arg| arg.name.to_string()).collect()
    }

    /// Takes the argument called `name` out.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Arg> {
        self.known.push(name);
        let at_index = self.rest.iter().position(|arg| arg.name == name)?;
        let found = self.rest.remove(at_index);
        while let Some(again) = self.rest.iter().position(|arg| arg.name == name) {
            let again = self.rest.remove(again);
            self.errors.push(at(&again.name, format!("`{name}` is given twice"), "remove one of them"));
        }
        Some(found)
    }

    /// Reads the argument called `name`. A bad one is an error, and counts as not written.
    pub(crate) fn read<T: FromArg>(&mut self, name: &'static str) -> Option<T> {
        let arg = self.take(name)?;
        self.errors.take(T::from_arg(&arg))
    }

    /// Reads a number or a duration, of which the rules need the value and the compiler the tokens.
    pub(crate) fn value<T: FromArg>(&mut self, name: &'static str) -> Option<Given<T>> {
        let arg = self.take(name)?;
        let place = arg.place();
        let value = self.errors.take(T::from_arg(&arg))?;
        Some(Given { value, place })
    }

    /// What is left was never asked for.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T> {
        for arg in &self.rest {
            let wrong = format!("unknown argument `{}` of `#[{}]`", arg.name, self.policy);
            let help = match (nearest(&arg.name.to_string(), self.known.iter().copied()), &arg.value) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, ArgValue::None) => {
                    let names = list(self.known.iter().copied());
                    format!(
                        "arguments have names, as in `#[{}({})]`; it takes {names}",
                        self.policy, self.example
                    )
                }
                (None, _) => format!("it takes {}", list(self.known.iter().copied())),
            };
            self.errors.push(at(&arg.name, wrong, help));
        }
        match value {
            Some(value) => self.errors.finish(value),
            None => Err(self.errors),
        }
    }

    /// Whether every argument that was written has been read.
    pub(crate) fn nothing_left(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether every argument that was read so far was good.
    pub(crate) fn nothing_wrong(&self) -> bool {
        self.errors.is_empty() && self.rest.is_empty()
    }
}

impl Arg {
    /// The value's place, or the name's if there is none.
    pub(crate) fn place(&self) -> Place {
        match &self.value {
            ArgValue::Expr(value) => Place::of(value),
            _ => Place::of(&self.name),
        }
    }

    pub(crate) fn expr(&self, example: &str) -> syn::Result<&Expr> {
        match &self.value {
            ArgValue::Expr(value) => Ok(value),
            ArgValue::List(list) if !list.is_empty() => Err(at(
                &self.name,
                format!("`{}` gets its value by `=`", self.name),
                format!("write `{} = {list}`", self.name),
            )),
            _ => Err(at(
                &self.name,
                format!("`{}` needs a value", self.name),
                format!("write `{} = {example}`", self.name),
            )),
        }
    }
}

/// A value and its place.
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// What an argument can be read as.
pub(crate) trait FromArg: Sized {
    fn from_arg(arg: &Arg) -> syn::Result<Self>;
}

/// A literal that the rules can judge now, or an expression that only the compiler can compute.
#[derive(Clone)]
pub(crate) enum Value<T> {
    Literal(T),
    Const(Expr),
}

impl<T> Value<T> {
    pub(crate) fn literal(&self) -> Option<&T> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Const(_) => None,
        }
    }
}

/// A constant has no `Self`: the rules judge it when the crate is checked, and the manifest lists it.
fn constant<T>(value: &Expr) -> syn::Result<Value<T>> {
    if find_ident(value.to_token_stream(), "Self").is_some() {
        let help = "use a `const` outside of the `impl` block, or write the number";
        return Err(at(value, "`Self` is not known where this number is judged", help));
    }
    if find_ident(value.to_token_stream(), "self").is_some() {
        return Err(at(value, "this is known only when the function runs, and judged before", NOT_CONST));
    }
    Ok(Value::Const(value.clone()))
}

pub(crate) fn find_ident(tokens: TokenStream, name: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        proc_macro2::TokenTree::Ident(ident) if ident == name => Some(ident),
        proc_macro2::TokenTree::Group(group) => find_ident(group.stream(), name),
        _ => None,
    })
}

/// For a number that only a call knows.
pub(crate) const NOT_CONST: &str = "write the number or a `const`; a time limit that is computed per call is set around the call, with \
                         `context::with_deadline`";

/// Whether `name` stands in the tokens as a value of its own, not as a field or as a part of a path.
pub(crate) fn names_value(tokens: TokenStream, name: &Ident) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is = |at: Option<usize>, signs: &[char]| {
        let token = at.and_then(|at| tokens.get(at));
        matches!(token, Some(TokenTree::Punct(punct)) if signs.contains(&punct.as_char()))
    };
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(ident) => {
            ident == name && !is(at.checked_sub(1), &['.', ':']) && !is(Some(at + 1), &[':'])
        }
        TokenTree::Group(group) => names_value(group.stream(), name),
        _ => false,
    })
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        _ => None,
    }
}

fn negative(value: &Expr) -> bool {
    matches!(value, Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) if literal(expr).is_some())
}

/// A duration with a unit, or a const of type `Duration`.
pub(crate) struct Time(pub(crate) Value<Duration>);

impl Time {
    pub(crate) fn from_expr(name: &str, value: &Expr) -> syn::Result<Self> {
        if negative(value) {
            return Err(at(
                value,
                format!("`{name}` cannot be negative"),
                "write a duration such as \"250ms\"",
            ));
        }
        match literal(value) {
            Some(Lit::Str(text)) => match resilience_policy::literal(&text.value()) {
                Ok(time) => Ok(Self(Value::Literal(time))),
                Err(wrong) => Err(syn::Error::new_spanned(text, wrong)),
            },
            Some(number @ (Lit::Int(_) | Lit::Float(_))) => {
                let digits = number.to_token_stream().to_string();
                if digits.ends_with(char::is_alphabetic) {
                    let help = format!("put it in quotes: `{name} = \"{digits}\"`");
                    return Err(at(
                        value,
                        format!("the duration `{name} = {digits}` is not in quotes"),
                        help,
                    ));
                }
                let help = format!("write \"{digits}ms\" or \"{digits}s\"");
                Err(at(value, format!("the duration `{name} = {digits}` has no unit"), help))
            }
            Some(_) => Err(at(
                value,
                format!("`{name}` is a duration"),
                "write a number with a unit, such as \"250ms\"",
            )),
            None => constant(value).map(Self),
        }
    }
}

impl FromArg for Time {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        Self::from_expr(&arg.name.to_string(), arg.expr("\"250ms\"")?)
    }
}

/// A whole number, or a const of that type.
pub(crate) struct Number<N>(pub(crate) Value<N>);

/// A type of number, in the words of a message.
pub(crate) trait Numeric: std::str::FromStr<Err: std::fmt::Display> {
    const WORDS: &str;
    const SUFFIX: &str;
    const EXAMPLE: &str;
}

impl Numeric for u32 {
    const WORDS: &str = "a whole number";
    const SUFFIX: &str = "u32";
    const EXAMPLE: &str = "3";
}

impl Numeric for u64 {
    const WORDS: &str = "a whole number";
    const SUFFIX: &str = "u64";
    const EXAMPLE: &str = "500";
}

impl Numeric for f64 {
    const WORDS: &str = "a number";
    const SUFFIX: &str = "f64";
    const EXAMPLE: &str = "2.0";
}

impl<N: Numeric> FromArg for Number<N> {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        let (name, words, example) = (&arg.name, N::WORDS, N::EXAMPLE);
        let value = arg.expr(example)?;
        if negative(value) {
            return Err(at(
                value,
                format!("`{name}` cannot be negative"),
                format!("write {words} without a sign: `{name} = {example}`"),
            ));
        }
        match literal(value) {
            Some(Lit::Int(number)) if !["", N::SUFFIX].contains(&number.suffix()) => Err(at(
                number,
                format!("`{number}` is not {words}"),
                format!("write it without `{}`: `{name} = {}`", number.suffix(), number.base10_digits()),
            )),
            Some(Lit::Int(number)) => match number.base10_parse() {
                Ok(number) => Ok(Self(Value::Literal(number))),
                Err(_) => {
                    Err(at(number, format!("`{name} = {number}` is out of range"), "write a smaller number"))
                }
            },
            Some(Lit::Float(number)) if number.base10_parse::<N>().is_ok() => {
                number.base10_parse().map(|number| Self(Value::Literal(number)))
            }
            Some(Lit::Str(text)) if text.value().parse::<N>().is_ok() => {
                let help = format!("write it without the quotes: `{name} = {}`", text.value());
                Err(at(text, format!("`{name}` is {words}, not a string"), help))
            }
            Some(Lit::Str(text)) if resilience_policy::literal(&text.value()).is_ok() => Err(at(
                text,
                format!("`{name}` is {words}, not a duration"),
                format!("write it without a unit and without quotes: `{name} = {example}`"),
            )),
            Some(_) => Err(at(
                value,
                format!("`{name}` is {words}"),
                format!("write it as such: `{name} = {example}`"),
            )),
            None => constant(value).map(Self),
        }
    }
}

/// A share: `0.5`, `"50%"`, or a const of type `f64`.
pub(crate) struct Share(pub(crate) Value<f64>);

impl FromArg for Share {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        let value = arg.expr("0.5")?;
        if negative(value) {
            return Err(at(
                value,
                format!("`{}` cannot be negative", arg.name),
                "write a share such as 0.5 or \"50%\"",
            ));
        }
        let share = match literal(value) {
            Some(Lit::Float(number)) => number.base10_parse::<f64>().ok(),
            Some(Lit::Int(number)) => number.base10_parse::<u32>().ok().map(f64::from),
            Some(Lit::Str(text)) => {
                text.value().strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()).map(|n| n / 100.0)
            }
            Some(_) => None,
            None => return constant(value).map(Self),
        };
        match share {
            Some(share) => Ok(Self(Value::Literal(share))),
            None => Err(at(value, format!("`{}` is a share", arg.name), "write it as 0.5 or \"50%\"")),
        }
    }
}

/// One word out of a few.
pub(crate) fn keyword(arg: &Arg, words: &[&'static str]) -> syn::Result<&'static str> {
    let value = arg.expr(words[0])?;
    let written = match (value, literal(value)) {
        (Expr::Path(path), _) => path.path.get_ident().map(ToString::to_string),
        (_, Some(Lit::Str(text))) => Some(text.value()),
        _ => None,
    };
    let found = written.as_ref().and_then(|written| words.iter().find(|word| *word == written));
    match (found, literal(value)) {
        (Some(word), None) => Ok(word),
        (Some(word), Some(_)) => Err(at(
            value,
            format!("`{}` is a word, not a string", arg.name),
            format!("write it without the quotes: `{} = {word}`", arg.name),
        )),
        (None, _) => {
            let help = match written.and_then(|written| nearest(&written, words.iter().copied())) {
                Some(near) => format!("did you mean `{near}`?"),
                None if words.len() == 1 => format!("write `{} = {}`", arg.name, words[0]),
                None => format!("write one of {}", list(words.iter().copied())),
            };
            Err(at(
                value,
                format!("`{}` is none of the words that `{}` takes", value.to_token_stream(), arg.name),
                help,
            ))
        }
    }
}

/// `name`, or `name = "why"`.
pub(crate) struct Flag;

impl FromArg for Flag {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        let why = match &arg.value {
            ArgValue::None => return Ok(Self),
            ArgValue::Expr(value) => match literal(value) {
                Some(Lit::Str(why)) if !why.value().trim().is_empty() => return Ok(Self),
                _ => value.to_token_stream(),
            },
            ArgValue::List(list) => list.clone(),
        };
        let help = format!("write `{0}`, or `{0} = \"why\"`", arg.name);
        Err(at(why, format!("`{}` takes a reason in words, or nothing", arg.name), help))
    }
}

/// `name`, and nothing else.
pub(crate) struct Bare;

impl FromArg for Bare {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        match &arg.value {
            ArgValue::None => Ok(Self),
            _ => {
                Err(at(arg, format!("`{}` takes no value", arg.name), format!("write `{}` alone", arg.name)))
            }
        }
    }
}

/// Any expression.
impl FromArg for Expr {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        arg.expr("...").cloned()
    }
}

impl FromArg for LitStr {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        let value = arg.expr("\"...\"")?;
        match literal(value) {
            Some(Lit::Str(text)) if !text.value().trim().is_empty() => Ok(text.clone()),
            _ => Err(at(
                value,
                format!("`{}` is a string in quotes, and not empty", arg.name),
                format!("write `{} = \"...\"`", arg.name),
            )),
        }
    }
}

impl<T> Given<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Given<U> {
        Given { value: change(self.value), place: self.place }
    }
}

impl<T> Value<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Value<U> {
        match self {
            Self::Literal(value) => Value::Literal(change(value)),
            Self::Const(expr) => Value::Const(expr),
        }
    }
}
