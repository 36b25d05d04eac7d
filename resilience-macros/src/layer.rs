//! One policy of a stack, as the stages after the parsing see it.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::{Policy, Violation};
use syn::{Expr, Path};

use crate::args::{Given, Value};
use crate::error::Place;
use crate::paths;

/// One policy: what the rules judge, and how it wraps what is below it.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    /// The whole attribute.
    pub(crate) place: Place,
    /// The path of a sibling, whose import this expansion uses up.
    pub(crate) import: Option<Path>,
    pub(crate) params: Params,
    pub(crate) kind: Box<dyn Wrap>,
}

/// How a policy becomes code.
pub(crate) trait Wrap {
    fn needs(&self) -> Needs;

    /// The static of the policy at this site.
    fn state(&self, at: &At<'_>) -> TokenStream;

    /// What happens once, before any policy acts.
    fn prepare(&self, _at: &At<'_>) -> TokenStream {
        TokenStream::new()
    }

    /// The code around what is below.
    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream;

    /// A place of the user's that is borrowed while the body runs.
    fn holds(&self) -> Option<&Expr> {
        None
    }

    /// Whether it keeps something that would be one for all who implement a trait, in a default method.
    fn is_of_one_type(&self) -> bool {
        false
    }

    /// The static that can tell what the policy holds.
    fn gauge(&self, _at: &At<'_>) -> Option<Ident> {
        None
    }

    /// The tokens of the user that can name arguments of the function after the body has taken them.
    fn mentions(&self) -> TokenStream {
        TokenStream::new()
    }

    /// The budget that its repeats are taken from.
    fn budget(&self) -> Option<&Expr> {
        None
    }

    /// Whether no error of what is below gets past it, whatever it is.
    fn absorbs(&self) -> bool {
        false
    }
}

/// Code that leads to an outcome.
pub(crate) enum Code {
    /// A future of it.
    Future(TokenStream),
    /// An expression that waits for it.
    Outcome(TokenStream),
}

impl Code {
    pub(crate) fn outcome(&self) -> TokenStream {
        match self {
            Self::Future(future) => quote!(#future.await),
            Self::Outcome(outcome) => outcome.clone(),
        }
    }

    pub(crate) fn future(&self) -> TokenStream {
        match self {
            Self::Future(future) => future.clone(),
            Self::Outcome(outcome) => quote!(async { #outcome }),
        }
    }
}

/// What a policy asks of the function around it.
#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // questions that have nothing to do with each other
pub(crate) struct Needs {
    /// A rejection must become an error.
    pub(crate) rejects: bool,
    /// It asks what an error means.
    pub(crate) classifies: bool,
    /// The body can run again.
    pub(crate) repeats: bool,
    /// It can run while another run of it has not ended.
    pub(crate) overlaps: bool,
    /// The result outlives the call.
    pub(crate) keeps: bool,
}

impl std::ops::BitOr for Needs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            rejects: self.rejects | other.rejects,
            classifies: self.classifies | other.classifies,
            repeats: self.repeats | other.repeats,
            overlaps: self.overlaps | other.overlaps,
            keeps: self.keeps | other.keeps,
        }
    }
}

/// The names around a policy.
pub(crate) struct At<'a> {
    pub(crate) index: usize,
    /// More than one policy of its kind is in the stack.
    pub(crate) many: bool,
    pub(crate) runtime: Ident,
    pub(crate) site: Ident,
    /// The const with the parameters.
    pub(crate) params: Ident,
    /// The function's result, with `_` for what has no name.
    pub(crate) returns: &'a syn::Type,
    /// The outermost policy absorbs every error, so that the result need not be a `Result`.
    pub(crate) absorbed: bool,
    /// Whether it is this policy by which the call earns its share of the budget.
    pub(crate) earns: bool,
    /// Clones of the arguments that this policy names, where it can need them once more or somebody above it does.
    pub(crate) again: TokenStream,
}

impl At<'_> {
    /// The static of this policy at this site.
    pub(crate) fn declare(&self, kind: &str, ty: &str) -> TokenStream {
        let (runtime, site, params, name) =
            (&self.runtime, &self.site, &self.params, paths::item(kind, self.index));
        let ty = Ident::new(ty, Span::mixed_site());
        quote_spanned!(Span::mixed_site()=> static #name: #runtime::#ty = #runtime::#ty::of_site(&#site, #params);)
    }

    /// A label of this policy.
    pub(crate) fn label(&self, name: &str) -> syn::Lifetime {
        let ident = self.local(name);
        syn::Lifetime { apostrophe: ident.span(), ident }
    }

    /// A local variable of this policy.
    pub(crate) fn local(&self, name: &str) -> Ident {
        if self.many { paths::local(&format!("{name}_{}", self.index)) } else { paths::local(name) }
    }
}

/// The parameters of a policy: the value, if it is known now, and the tokens that compute it.
pub(crate) struct Params {
    /// `None` if only the compiler knows some of it.
    pub(crate) value: Option<Policy>,
    /// The literals out of their range, at most one for each argument.
    pub(crate) violations: Vec<Violation>,
    /// The struct expression, of the type `ty`.
    pub(crate) tokens: TokenStream,
    pub(crate) ty: TokenStream,
    /// The variant of `Policy`.
    pub(crate) variant: Ident,
    /// Where each argument stands.
    pub(crate) places: Vec<(&'static str, Place)>,
    /// The expressions that only the compiler can compute.
    pub(crate) computed: Vec<Expr>,
}

/// An argument, and how it changes the parameters.
type Literal<P> = (&'static str, Box<dyn Fn(&mut P)>);

/// Builds the parameters of a policy field by field, as a value and as tokens at once.
pub(crate) struct Fields<P> {
    value: P,
    /// What stands where nothing is written, and how each literal changes it.
    default: P,
    literals: Vec<Literal<P>>,
    literal: bool,
    tokens: TokenStream,
    places: Vec<(&'static str, Place)>,
    computed: Vec<Expr>,
}

impl<P: Copy + 'static> Fields<P> {
    pub(crate) fn new(default: P) -> Self {
        Self {
            value: default,
            default,
            literals: Vec::new(),
            literal: true,
            tokens: TokenStream::new(),
            places: Vec::new(),
            computed: Vec::new(),
        }
    }

    /// Sets a field to what was written, if something was; an `optional` field is an `Option`.
    pub(crate) fn set<T: Constant + Clone + 'static>(
        &mut self,
        field: &'static str,
        given: Option<Given<Value<T>>>,
        optional: bool,
        set: impl Fn(&mut P, T) + 'static,
    ) {
        let Some(Given { value, place }) = given else { return };
        self.places.push((field, place));
        let name = Ident::new(field, Span::mixed_site());
        let tokens = value.tokens();
        match value {
            Value::Literal(value) => {
                let computed = value.computed_parts();
                self.literal &= computed.is_empty();
                self.computed.extend(computed);
                set(&mut self.value, value.clone());
                self.literals.push((field, Box::new(move |params| set(params, value.clone()))));
            }
            Value::Const(expr) => {
                self.literal = false;
                self.computed.push(expr);
            }
        }
        let tokens = if optional { quote!(::core::option::Option::Some(#tokens)) } else { tokens };
        self.tokens.extend(quote!(#name: #tokens,));
    }

    /// Sets a field to what is built from other fields, of the type `ty`.
    pub(crate) fn set_parts<Q: 'static>(
        &mut self,
        field: &str,
        ty: &TokenStream,
        parts: Fields<Q>,
        field_of: fn(&mut P) -> &mut Q,
    ) {
        let Fields { value, literals, literal, tokens, places, computed, .. } = parts;
        if places.is_empty() {
            return;
        }
        *field_of(&mut self.value) = value;
        self.literal &= literal;
        for (name, set) in literals {
            self.literals.push((name, Box::new(move |params| set(field_of(params)))));
        }
        self.places.extend(places);
        self.computed.extend(computed);
        let name = Ident::new(field, Span::mixed_site());
        self.tokens.extend(quote!(#name: #ty { #tokens ..#ty::OWN },));
    }

    /// The literals out of their range: the first one found is taken out, and the others are judged again.
    fn violations(&self, policy: impl Fn(P) -> Policy) -> Vec<Violation> {
        let mut found: Vec<Violation> = Vec::new();
        if !self.literal {
            return found;
        }
        loop {
            let mut params = self.default;
            let blamed = |name: &str| found.iter().any(|found| found.argument == name);
            self.literals.iter().filter(|(name, _)| !blamed(name)).for_each(|(_, set)| set(&mut params));
            match policy(params).check(0) {
                Some(next) if !blamed(next.argument) => found.push(next),
                _ => return found,
            }
        }
    }

    /// The arguments that were written, and where they stand.
    pub(crate) fn places(&self) -> &[(&'static str, Place)] {
        &self.places
    }

    /// Where the argument stands, if it was written.
    pub(crate) fn written(&self, argument: &str) -> Option<Place> {
        self.places.iter().find(|(name, _)| *name == argument).map(|(_, place)| *place)
    }

    pub(crate) fn finish(
        self,
        module: &str,
        variant: &str,
        whole: bool,
        policy: impl Fn(P) -> Policy,
    ) -> Params {
        let runtime = paths::runtime();
        let (module, variant) =
            (Ident::new(module, Span::mixed_site()), Ident::new(variant, Span::mixed_site()));
        let ty = quote!(#runtime::policy::#module::#variant);
        let violations = self.violations(&policy);
        let fields = self.tokens;
        let rest = if whole { TokenStream::new() } else { quote!(..#ty::DEFAULT) };
        Params {
            value: self.literal.then(|| policy(self.value)),
            violations,
            tokens: quote!(#ty { #fields #rest }),
            ty,
            variant,
            places: self.places,
            computed: self.computed,
        }
    }
}

/// A value that can stand in a const.
pub(crate) trait Constant {
    fn constant(&self) -> TokenStream;

    /// The parts of it that only the compiler can compute.
    fn computed_parts(&self) -> Vec<Expr> {
        Vec::new()
    }

    /// The same from the user's expression.
    fn computed(expr: &Expr) -> TokenStream {
        quote!(#expr)
    }
}

impl Constant for Duration {
    fn constant(&self) -> TokenStream {
        let nanos = self.as_nanos();
        let whole = |unit: u128| u64::try_from(nanos / unit).unwrap_or(u64::MAX);
        if nanos.is_multiple_of(1_000_000_000) {
            let seconds = whole(1_000_000_000);
            quote!(::core::time::Duration::from_secs(#seconds))
        } else if nanos.is_multiple_of(1_000_000) {
            let millis = whole(1_000_000);
            quote!(::core::time::Duration::from_millis(#millis))
        } else {
            let nanos = whole(1);
            quote!(::core::time::Duration::from_nanos(#nanos))
        }
    }
}

macro_rules! constants {
    ($($ty:ty)*) => {$(impl Constant for $ty {
        fn constant(&self) -> TokenStream {
            quote!(#self)
        }
    })*};
}
constants!(u32 f64 bool &'static str);

impl<T> Value<T> {
    /// The expression, if only the compiler can compute it.
    pub(crate) fn computed(&self) -> Option<&Expr> {
        match self {
            Self::Literal(_) => None,
            Self::Const(expr) => Some(expr),
        }
    }
}

impl<T: Constant> Value<T> {
    pub(crate) fn tokens(&self) -> TokenStream {
        match self {
            Self::Literal(value) => value.constant(),
            Self::Const(expr) => T::computed(expr),
        }
    }
}

impl Layer {
    /// The place of `argument`; of the policy itself, if it was not written.
    pub(crate) fn place(&self, argument: &str) -> Place {
        let found = self.params.places.iter().find(|(name, _)| *name == argument);
        found.map_or(self.place, |(_, place)| *place)
    }
}

/// How an outcome counts for a policy with these predicates.
pub(crate) fn verdict(when: Option<&Expr>, when_ok: Option<&Expr>) -> TokenStream {
    let (edge, outcome) = (paths::local("edge"), paths::local("outcome"));
    let (when, when_ok) = (predicate(when), predicate(when_ok));
    quote!(#edge.verdict(&#outcome, #when, #when_ok))
}

/// A predicate, borrowed.
pub(crate) fn predicate(written: Option<&Expr>) -> TokenStream {
    let Some(predicate) = written else { return quote!(::core::option::Option::None) };
    let borrowed = quote_spanned!(crate::item::join(predicate)=> &#predicate);
    quote!(::core::option::Option::Some(#borrowed))
}

/// The source of an expression, by which two policies are told apart. A macro lives for a moment: the leak is gone with
/// the compiler.
pub(crate) fn source(expr: Option<&impl quote::ToTokens>) -> &'static str {
    expr.map_or("", |expr| Box::leak(quote!(#expr).to_string().into_boxed_str()))
}
