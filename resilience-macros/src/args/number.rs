//! Durations, whole numbers and shares.

use std::time::Duration;

use quote::ToTokens;
use syn::{Expr, Lit};

use super::value::{constant, literal, negative};
use super::{Arg, FromArg, Value};
use crate::error::at;

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
