//! Words, flags, strings and free expressions.

use quote::ToTokens;
use syn::{Expr, Lit, LitStr};

use super::value::literal;
use super::{Arg, ArgValue, FromArg};
use crate::error::{at, list, nearest};

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
