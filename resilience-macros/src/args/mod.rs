//! The arguments of an attribute: read one by one by name, each with its place in the source.

mod key;
mod number;
mod value;
mod word;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, Token};

use crate::error::{Errors, Place, Result, at, list, nearest};
use crate::item::fragments::open_expr;
use crate::policies::Answer;
pub(crate) use number::{Number, Share, Time};
pub(crate) use value::{FromArg, Given, NOT_CONST, Value, find_ident, names_value};
pub(crate) use word::{Bare, Flag, keyword};

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
            ArgValue::Expr(open_expr(value))
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
            ArgValue::List(list) if list.is_empty() => start,
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
    /// The function of a fallback, which has no name.
    pub(crate) answer: Option<Answer>,
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
        Ok(Self { policy, example, place, answer: None, rest, known: Vec::new(), errors: Errors::default() })
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

    /// Whether an argument of this name is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.rest.iter().any(|arg| arg.name == name)
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
