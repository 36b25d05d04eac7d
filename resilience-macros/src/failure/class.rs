//! `#[failure(...)]`, on the enum and on its variants.

use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, Token, Variant};

use crate::args::{Arg, ArgValue};
use crate::error::{Errors, Result, at, at_span, list, nearest};
use crate::stack::crate_path_of;

#[derive(Clone, Copy)]
pub(super) enum Class {
    Transient,
    Permanent,
    Throttled,
    Policy,
    Transparent,
}

const CLASSES: [(&str, Class); 5] = [
    ("transient", Class::Transient),
    ("permanent", Class::Permanent),
    ("throttled", Class::Throttled),
    ("policy", Class::Policy),
    ("transparent", Class::Transparent),
];

fn class(name: &str) -> Option<Class> {
    CLASSES.iter().find(|(known, _)| *known == name).map(|(_, class)| *class)
}

fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().map(|(name, _)| *name).chain(["not_run"])
}

/// What stands on the enum: `#[failure(default = permanent)]`, `#[failure(crate = path)]`.
#[derive(Default)]
pub(super) struct EnumAttr {
    default: Option<Class>,
    pub(super) facade: Option<Path>,
}

enum EnumItem {
    Crate(Path),
    Arg(Arg),
}

impl Parse for EnumItem {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        match crate_path_of(input)? {
            Some(path) => Ok(Self::Crate(path)),
            None => input.parse().map(Self::Arg),
        }
    }
}

impl EnumAttr {
    pub(super) fn read(attrs: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        let mut errors = Errors::default();
        for item in items::<EnumItem>(attrs)? {
            match item {
                EnumItem::Crate(path) => found.facade = Some(path),
                EnumItem::Arg(arg) if arg.name == "default" => {
                    let written = word(&arg);
                    match written.as_ref().map(ToString::to_string).as_deref() {
                        Some("transient") => found.default = Some(Class::Transient),
                        Some("permanent") => found.default = Some(Class::Permanent),
                        written => {
                            let near =
                                written.and_then(|written| nearest(written, ["permanent", "transient"]));
                            let help = match near {
                                Some(near) => format!("did you mean `{near}`?"),
                                None => "write `default = permanent` or `default = transient`".to_owned(),
                            };
                            errors.push(at(arg.place(), "this is no class for every variant", help));
                        }
                    }
                }
                EnumItem::Arg(arg) => {
                    let wrong = format!("`{}` does not stand on the enum", arg.name);
                    errors.push(at(
                        &arg.name,
                        wrong,
                        "put a class on each variant, or write `#[failure(default = permanent)]` here",
                    ));
                }
            }
        }
        errors.finish(found)
    }
}

/// What stands on a variant.
pub(super) struct Attr {
    pub(super) class: Class,
    /// The field or the method that gives the pause of a throttled failure.
    pub(super) wait: Option<Ident>,
    pub(super) not_run: bool,
}

impl Attr {
    pub(super) fn read(variant: &Variant, whole: &EnumAttr) -> Result<Self> {
        let mut errors = Errors::default();
        let fields = variant.fields.iter().flat_map(|field| &field.attrs);
        for attr in fields.filter(|attr| attr.path().is_ident("failure")) {
            let wrong = "`#[failure(...)]` stands on a variant, not on its field";
            errors.push(at(attr, wrong, format!("put it in front of `{}`", variant.ident)));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (mut found, mut wait, mut not_run) = (None, None, None);
        for arg in items::<Arg>(&variant.attrs)? {
            let name = arg.name.to_string();
            match (class(&name), name.as_str()) {
                (Some(_), _) if found.is_some() => {
                    errors.push(at(
                        &arg.name,
                        "a variant has one class, and this is the second",
                        "keep the one that is meant",
                    ));
                }
                (Some(class), _) => {
                    found = Some(class);
                    wait = wait.or(errors.take(pause(&arg, class)).flatten());
                }
                (None, "retry_after") => wait = word(&arg),
                (None, "not_run") => not_run = Some(arg.name),
                (None, _) => {
                    let help = match nearest(&name, names()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("write one of {}", list(names())),
                    };
                    errors.push(at(&arg.name, format!("`{name}` is no class of failure"), help));
                }
            }
        }
        let Some(class) = found.or(whole.default) else {
            if errors.is_empty() {
                let wrong = format!("`{}` does not say what kind of failure it is", variant.ident);
                let help = "write `#[failure(transient)]` if it may pass and `#[failure(permanent)]` if it will not; or \
                            `#[failure(default = permanent)]` on the enum";
                errors.push(at(&variant.ident, wrong, help));
            }
            return Err(errors);
        };
        if let (Some(not_run), Class::Policy | Class::Transparent) = (&not_run, class) {
            errors.push(at(
                not_run,
                "`not_run` is for an error of your own",
                "this variant's field knows whether it ran: remove `not_run`",
            ));
        }
        errors.finish(Self { class, wait, not_run: not_run.is_some() })
    }
}

/// `throttled`, `throttled = wait`, `throttled(wait)` or `throttled(retry_after = wait)`
fn pause(arg: &Arg, class: Class) -> Result<Option<Ident>> {
    let wait = match &arg.value {
        ArgValue::None => return Ok(None),
        ArgValue::Expr(_) => word(arg),
        ArgValue::List(list) => match syn::parse2::<Arg>(list.clone())? {
            Arg { name, value: ArgValue::None } => Some(name),
            inner => word(&inner),
        },
    };
    match (class, wait) {
        (Class::Throttled, Some(wait)) => Ok(Some(wait)),
        (Class::Throttled, None) => {
            let help = "name a field or a method that gives the pause: `#[failure(throttled = retry_after)]`";
            Err(at(arg.place(), "this names no field and no method", help).into())
        }
        _ => Err(at(
            &arg.name,
            format!("`{}` takes no value", arg.name),
            format!("write `#[failure({})]`", arg.name),
        )
        .into()),
    }
}

/// The single word behind the `=`, in quotes or not.
fn word(arg: &Arg) -> Option<Ident> {
    match &arg.value {
        ArgValue::Expr(Expr::Path(path)) => path.path.segments.last().map(|last| last.ident.clone()),
        ArgValue::Expr(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => text.parse().ok(),
        _ => None,
    }
}

/// The arguments of all `#[failure(...)]` among the attributes.
fn items<T: Parse>(attrs: &[Attribute]) -> Result<Vec<T>> {
    let mut found = Vec::new();
    let mut errors = Errors::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("failure")) {
        let help = "write a class, such as `#[failure(transient)]`";
        let list = match &attr.meta {
            Meta::List(list) => list,
            Meta::Path(path) => {
                errors.push(at(path, "`#[failure]` says nothing", help));
                continue;
            }
            Meta::NameValue(pair) => {
                errors.push(at(pair, "`#[failure]` takes its class in parentheses", help));
                continue;
            }
        };
        let items = Punctuated::<T, Token![,]>::parse_terminated.parse2(list.tokens.clone());
        let items = items.map_err(|error| match syn::parse2::<LitStr>(list.tokens.clone()) {
            Ok(text) => {
                let help = format!("write it without the quotes: `#[failure({})]`", text.value());
                at(text, "a class is a word, not a string", help)
            }
            Err(_) if error.to_string().contains("help: ") => error,
            Err(_) => at_span(error.span(), "this is no list of classes", help),
        });
        found.extend(errors.take(items).into_iter().flatten());
    }
    errors.finish(found)
}
