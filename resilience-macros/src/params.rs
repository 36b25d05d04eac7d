//! The parameters of a policy: what the rules judge now, and what the compiler computes.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use resilience_policy::{Policy, Violation};
use syn::Expr;

use crate::args::{Args, Given, Value};
use crate::error::Place;
use crate::paths;

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
        let tokens =
            if optional { quote!(__resilience::core::option::Option::Some(#tokens)) } else { tokens };
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
            quote!(__resilience::core::time::Duration::from_secs(#seconds))
        } else if nanos.is_multiple_of(1_000_000) {
            let millis = whole(1_000_000);
            quote!(__resilience::core::time::Duration::from_millis(#millis))
        } else {
            let nanos = whole(1);
            quote!(__resilience::core::time::Duration::from_nanos(#nanos))
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

/// An expression of the user; its source goes into the parameters, where the manifest and the rules see it.
pub(crate) fn quoted<P: Copy + 'static>(
    args: &mut Args,
    fields: &mut Fields<P>,
    name: &'static str,
    set: impl Fn(&mut P, &'static str) + 'static,
) -> Option<Expr> {
    let given = args.value::<Expr>(name)?;
    let text = Given { value: Value::Literal(source(Some(&given.value))), place: given.place };
    fields.set(name, Some(text), false, set);
    Some(given.value)
}

/// The source of an expression, by which two policies are told apart. A macro lives for a moment: the leak is gone with
/// the compiler.
pub(crate) fn source(expr: Option<&impl quote::ToTokens>) -> &'static str {
    expr.map_or("", |expr| Box::leak(quote!(#expr).to_string().into_boxed_str()))
}
