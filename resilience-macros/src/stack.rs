//! All the policies of one function, in the order in which they are written: top = outermost.

use proc_macro2::{Span, TokenStream, TokenTree};
use resilience_policy::Rule;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, LitStr, Meta, Path, Token};

use crate::args::{Arg, ArgValue, FromArg, keyword, list_of};
use crate::block;
use crate::error::{Errors, Place, Result, at, at_span, list, nearest};
use crate::layer::Layer;
use crate::policies::{self, Policy};

/// What `#[policies(...)]` says of the whole stack.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) facade: Option<Path>,
    pub(crate) allow: Vec<Rule>,
    /// The call is a box.
    pub(crate) boxed: Option<Boxed>,
    /// The marker of a method that the policies of its block are not for.
    pub(crate) skip: Option<Ident>,
    /// The imports of `#[policies]` itself.
    pub(crate) imports: Vec<Path>,
}

/// `boxed`, or `boxed = local`
pub(crate) struct Boxed {
    pub(crate) place: Span,
    /// Its future need not be `Send`.
    pub(crate) local: bool,
}

impl FromArg for Boxed {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        let local = !matches!(arg.value, ArgValue::None);
        if local {
            keyword(arg, &["local"])?;
        }
        Ok(Self { place: arg.name.span(), local })
    }
}

pub(crate) struct Stack {
    /// Empty only where `skip` leaves nothing.
    pub(crate) layers: Vec<Layer>,
    /// How many of them, the outermost, come from the block around the method.
    pub(crate) inherited: usize,
    pub(crate) options: Options,
}

/// An attribute of ours, not read yet.
struct Written {
    name: String,
    /// The whole attribute.
    place: Place,
    import: Option<Path>,
    args: Result<TokenStream>,
}

pub(crate) const WHOLE: &str = "policies";

/// Takes the attributes of ours from those of the function.
fn collect(first: &str, here: Span, args: TokenStream, attrs: &mut Vec<Attribute>) -> Vec<Written> {
    let own = if first == WHOLE { crate_path(&args) } else { None };
    let facade = own.or_else(|| attrs.iter().find_map(facade_of));
    let mut written =
        vec![Written { name: first.to_owned(), place: here.into(), import: None, args: Ok(args) }];
    attrs.retain(|attr| {
        let Some(name) = sibling(attr.path(), facade.as_ref()) else { return true };
        let args = match &attr.meta {
            Meta::Path(_) => Ok(TokenStream::new()),
            Meta::List(list) => Ok(list.tokens.clone()),
            Meta::NameValue(pair) => Err(at(
                pair.eq_token,
                format!("`#[{name}]` takes its arguments in parentheses"),
                format!("write `#[{name}(...)]`"),
            )
            .into()),
        };
        let import = attr.path().get_ident().map(|_| attr.path().clone());
        written.push(Written { place: Place::of(&attr), name, import, args });
        false
    });
    written
}

/// The name of the attribute, if it is one of ours.
pub(crate) fn name_of(attr: &Attribute, facade: Option<&Path>) -> Option<String> {
    sibling(attr.path(), facade)
}

/// Whether the attribute is `#[policies(skip)]`.
pub(crate) fn skips(attr: &Attribute, facade: Option<&Path>) -> bool {
    let Meta::List(list) = &attr.meta else { return false };
    name_of(attr, facade).as_deref() == Some(WHOLE) && list.tokens.to_string() == "skip"
}

/// The imports that the siblings among the attributes use up.
pub(crate) fn imports(attrs: &[Attribute]) -> Vec<Path> {
    let ours = attrs.iter().filter(|attr| sibling(attr.path(), None).is_some());
    let mut imports: Vec<_> =
        ours.filter(|attr| attr.path().get_ident().is_some()).map(|attr| attr.path().clone()).collect();
    imports.sort_by_key(|path| path.get_ident().map(ToString::to_string));
    imports.dedup_by_key(|path| path.get_ident().map(ToString::to_string));
    imports
}

/// The name of the policy, if the attribute is one of ours: a path of one segment, or one that starts with
/// `resilience` or with the path of `crate = ...`.
fn sibling(path: &Path, facade: Option<&Path>) -> Option<String> {
    let last = path.segments.last()?.ident.to_string();
    if last != WHOLE && Policy::named(&last).is_none() {
        return None;
    }
    let count = path.segments.len();
    let starts = |prefix: &Path| {
        let same = |(one, two): (&syn::PathSegment, &syn::PathSegment)| one.ident == two.ident;
        prefix.segments.len() + 1 == count && prefix.segments.iter().zip(&path.segments).all(same)
    };
    let ours = count == 1 || path.segments[0].ident == "resilience" || facade.is_some_and(starts);
    ours.then_some(last)
}

/// The path that a `#[policies(crate = path)]` among the attributes gives.
fn facade_of(attr: &Attribute) -> Option<Path> {
    let Meta::List(list) = &attr.meta else { return None };
    if attr.path().segments.last()?.ident == WHOLE { crate_path(&list.tokens) } else { None }
}

/// The path of `crate = path` among the arguments of `#[policies]`.
pub(crate) fn crate_path(args: &TokenStream) -> Option<Path> {
    let items = Punctuated::<Item, Token![,]>::parse_terminated.parse2(args.clone()).ok()?;
    items.into_iter().find_map(|item| match item {
        Item::Crate(path) => Some(path),
        Item::Arg(Arg { name, value: ArgValue::List(args) }) if name == block::HANDED_ON => crate_path(&args),
        Item::Arg(_) => None,
    })
}

/// One argument of `#[policies]`.
pub(crate) enum Item {
    Crate(Path),
    Arg(Arg),
}

/// The path behind `crate =`, if this is what stands here.
pub(crate) fn crate_path_of(input: ParseStream<'_>) -> syn::Result<Option<Path>> {
    let Some(name) = input.parse::<Option<Token![crate]>>()? else { return Ok(None) };
    let equals = input.parse::<Option<Token![=]>>()?;
    let value = input.fork().parse::<TokenTree>().unwrap_or_else(|_| TokenTree::Ident(name.into()));
    match input.call(Path::parse_mod_style) {
        Ok(path) if equals.is_some() => Ok(Some(path)),
        _ => {
            let help = "write it without quotes: `crate = my_facade::resilience`";
            Err(at(value, "`crate` is the path of this library", help))
        }
    }
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        match crate_path_of(input)? {
            Some(path) => Ok(Self::Crate(path)),
            None => input.parse().map(Self::Arg),
        }
    }
}

impl Stack {
    /// Reads the attribute that runs now, `first`, and its siblings among `attrs`.
    pub(crate) fn read(
        first: &str,
        here: Span,
        args: TokenStream,
        attrs: &mut Vec<Attribute>,
    ) -> Result<Self> {
        let around = block::handed_on(first, &args);
        let mut written = collect(first, here, args, attrs);
        if around.is_some() {
            written.remove(0);
        }
        let own = Self::of(written)?;
        match around {
            Some(around) => own.inside(around?),
            None => own.alone(here),
        }
    }

    fn of(written: Vec<Written>) -> Result<Self> {
        let mut errors = Errors::default();
        let mut options = None;
        let mut layers = Vec::new();
        for Written { name, place, import, args } in written {
            let Some(args) = errors.take(args) else { continue };
            let Some(policy) = Policy::named(&name) else {
                if options.is_some() {
                    errors.push(at_span(place, "`#[policies]` stands twice", "write its arguments in one"));
                }
                let mut read = errors.take(Options::read(args)).unwrap_or_default();
                read.imports.extend(import);
                options = Some(read);
                continue;
            };
            if let Some((params, kind)) = errors.take(policy.parse(place, args)) {
                layers.push(Layer { name: policy.name, place, import, params, kind });
            }
        }
        errors.finish(Self { layers, inherited: 0, options: options.unwrap_or_default() })
    }

    /// A stack that no block is around.
    fn alone(self, here: Span) -> Result<Self> {
        if let Some(skip) = &self.options.skip {
            let help = "remove it: a function has only the policies that stand on it";
            let wrong =
                "`skip` is for a method of an `impl` block with `#[policies(...)]`, and there is none";
            return Err(at(skip, wrong, help).into());
        }
        if self.layers.is_empty() {
            let help =
                format!("write at least one of {}", list(policies::ALL.iter().map(|policy| policy.name)));
            return Err(at_span(here, "`#[policies]` stands on a function without a policy", help).into());
        }
        Ok(self)
    }

    /// Whether no error gets out of the stack, so that the function need not return a `Result`.
    pub(crate) fn absorbs(&self) -> bool {
        self.layers.first().is_some_and(|outermost| outermost.kind.absorbs())
    }
}

impl Options {
    fn read(tokens: TokenStream) -> Result<Self> {
        let mut options = Self::default();
        let mut errors = Errors::default();
        let items = list_of::<Item>(WHOLE, "name = \"payments.charge\"", tokens)?;
        let alone = items.len() == 1;
        for item in items {
            let Some(Some(arg)) = errors.take(options.take(item)) else { continue };
            match arg.name.to_string().as_str() {
                "name" if options.name.is_some() => {
                    errors.push(at(&arg.name, "`name` is given twice", "remove one of them"));
                }
                "name" => options.name = errors.take(LitStr::from_arg(&arg)),
                "skip" if alone && matches!(arg.value, ArgValue::None) => options.skip = Some(arg.name),
                "skip" => errors.push(at(&arg, "`skip` stands alone", "write `#[policies(skip)]`")),
                written => errors.push(unknown(&arg.name, written)),
            }
        }
        errors.finish(options)
    }

    /// Takes what a function and a block say alike, and gives back what is something else.
    pub(crate) fn take(&mut self, item: Item) -> Result<Option<Arg>> {
        match item {
            Item::Crate(path) => self.facade = Some(path),
            Item::Arg(arg) if arg.name == "allow" => self.allow.extend(allowed(&arg)?),
            Item::Arg(arg) if arg.name == "boxed" && self.boxed.is_some() => {
                return Err(at(&arg.name, "`boxed` is given twice", "remove one of them").into());
            }
            Item::Arg(arg) if arg.name == "boxed" => self.boxed = Some(Boxed::from_arg(&arg)?),
            Item::Arg(arg) => return Ok(Some(arg)),
        }
        Ok(None)
    }
}

fn unknown(name: &Ident, written: &str) -> syn::Error {
    if written == block::HANDED_ON {
        return at(name, "`#[policies]` stands twice on this block", "write its arguments in one");
    }
    let help = match nearest(written, ["name", "allow", "boxed", "crate", "skip"]) {
        _ if Policy::named(written).is_some() => {
            format!("a policy is an attribute of its own: `#[{written}(...)]`")
        }
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it takes {}", list(["name", "allow", "boxed", "crate"])),
    };
    at(name, format!("unknown argument `{written}` of `#[policies]`"), help)
}

/// `allow(rule = "why")`
fn allowed(arg: &Arg) -> Result<Vec<Rule>> {
    let example = "allow(retry_unsafe = \"the gateway deduplicates by amount\")";
    let ArgValue::List(rules) = &arg.value else {
        return Err(at(&arg.name, "`allow` takes rules in parentheses", format!("write `{example}`")).into());
    };
    let mut errors = Errors::default();
    let mut allowed = Vec::new();
    for rule in list_of::<Arg>("policies", example, rules.clone())? {
        let name = rule.name.to_string();
        match Rule::named(&name) {
            Some(known) => allowed.push(known),
            None => errors.push(unknown_rule(&rule.name)),
        }
        if !matches!(rule.value, ArgValue::Expr(_)) || LitStr::from_arg(&rule).is_err() {
            let help = format!("write `allow({name} = \"why\")`");
            errors.push(at(rule.place(), format!("`allow({name})` does not say why"), help));
        }
    }
    errors.finish(allowed)
}

fn unknown_rule(name: &Ident) -> syn::Error {
    let rules = || Rule::ALL.iter().map(|rule| rule.name());
    let help = match nearest(&name.to_string(), rules()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the rules are {}", list(rules())),
    };
    at(name, format!("there is no rule called `{name}`"), help)
}
