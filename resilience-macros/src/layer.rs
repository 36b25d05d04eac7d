//! One policy of a stack, as the stages after the parsing see it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, Path};

use crate::engine::Engine;
use crate::error::Place;
use crate::mention;
use crate::params::Params;
use crate::paths;
use crate::receiver::OwnSelf;
use crate::stretch::Wait;

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

    /// The engine that keeps its state, if that can be somebody else's.
    fn engine(&self) -> Option<&Engine> {
        None
    }

    /// The static of the policy at this site.
    fn state(&self, at: &At<'_>) -> TokenStream {
        self.engine().map(|engine| engine.declare(at)).unwrap_or_default()
    }

    /// What happens once, before any policy acts.
    fn prepare(&self, at: &At<'_>) -> TokenStream {
        self.engine().map(|engine| engine.prepare(at)).unwrap_or_default()
    }

    /// Whether what is prepared stays with the caller, and cannot go to a thread of a pool.
    fn stays(&self, at: &At<'_>) -> bool {
        !self.needs().crosses && !self.prepare(at).is_empty()
    }

    /// Whether it keeps what is below as a future of its own.
    fn divides(&self) -> bool {
        false
    }

    /// Whether it cuts what is below where that waits.
    fn cuts(&self) -> bool {
        false
    }

    /// The code around what is below.
    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream;

    /// An `Option` of the outcome, which can be there before the call begins. Asked of the outermost policy.
    fn known(&self, _: &At<'_>) -> Option<TokenStream> {
        None
    }

    /// A `bool`, known once it is prepared: this call is not to be repeated.
    fn once(&self, _: &At<'_>) -> Option<Ident> {
        None
    }

    /// Whether it keeps something that would be one for all who implement a trait, in a default method.
    fn is_of_one_type(&self) -> bool {
        self.engine().is_some_and(Engine::is_own)
    }

    /// The expressions of the user that are evaluated after the body has run.
    fn evaluated(&self) -> TokenStream {
        TokenStream::new()
    }

    /// The tokens of the user that can name arguments of the function after the body has taken them: these, and the places of
    /// what is held while it runs.
    fn mentions(&self) -> TokenStream {
        let (evaluated, shared) = (self.evaluated(), self.engine().and_then(Engine::place));
        let (budget, transaction) = (self.budget(), self.transaction());
        quote!(#shared #budget #transaction #evaluated)
    }

    /// The place of a transaction of the caller's, in which it writes before the body runs and after it.
    fn transaction(&self) -> Option<&Expr> {
        None
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

    /// The same after these statements; a future needs none.
    pub(crate) fn after(self, statements: &TokenStream) -> Self {
        match self {
            Self::Outcome(outcome) => Self::Outcome(quote!(#statements #outcome)),
            Self::Future(_) => self,
        }
    }

    /// What a block around the body takes of the function, an error shows at the body.
    pub(crate) fn future(&self, body: Span) -> TokenStream {
        match self {
            Self::Future(future) => future.clone(),
            Self::Outcome(outcome) => {
                let mut block = Group::new(Delimiter::Brace, outcome.clone());
                block.set_span(body);
                quote_spanned!(body=> async #block)
            }
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
    /// It tells what an error means, where its type says so.
    pub(crate) tells_class: bool,
    /// The body can run again.
    pub(crate) repeats: bool,
    /// It can run while another run of it has not ended.
    pub(crate) overlaps: bool,
    /// The result outlives the call.
    pub(crate) keeps: bool,
    /// What is below runs on another thread.
    pub(crate) crosses: bool,
}

impl std::ops::BitOr for Needs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            rejects: self.rejects | other.rejects,
            classifies: self.classifies | other.classifies,
            tells_class: self.tells_class | other.tells_class,
            repeats: self.repeats | other.repeats,
            overlaps: self.overlaps | other.overlaps,
            keeps: self.keeps | other.keeps,
            crosses: self.crosses | other.crosses,
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
    /// How it waits for something.
    pub(crate) wait: Wait,
    /// The const with the parameters.
    pub(crate) params: Ident,
    /// The braces of the body.
    pub(crate) body: Span,
    /// The function's result, with `_` for what has no name.
    pub(crate) returns: &'a syn::Type,
    /// The outermost policy absorbs every error, so that the result need not be a `Result`.
    pub(crate) absorbed: bool,
    /// Whether it is this policy by which the call earns its share of the budget.
    pub(crate) earns: bool,
    /// Clones of the arguments that this policy names, where it can need them once more or somebody above it does.
    pub(crate) again: TokenStream,
    /// The receiver, where the body can use it up.
    pub(crate) own_self: OwnSelf,
    /// A borrow of its transaction, where it has one.
    pub(crate) transaction: TokenStream,
    /// In front of the repeats of a stack whose calls may have to run once: says whether this one does.
    pub(crate) once: Option<TokenStream>,
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
    quote!((&#edge).verdict(&#outcome, #when, #when_ok))
}

/// For predicates that take what they name: a copy of it for each time that they are made. Others borrow.
pub(crate) fn again<'a>(kind: &dyn Wrap, at: &'a At<'_>) -> Option<&'a TokenStream> {
    mention::takes(&kind.evaluated()).then_some(&at.again)
}

/// A predicate, borrowed.
pub(crate) fn predicate(written: Option<&Expr>) -> TokenStream {
    let Some(predicate) = written else { return quote!(__resilience::core::option::Option::None) };
    let borrowed = quote_spanned!(crate::item::join(predicate)=> &#predicate);
    quote!(__resilience::core::option::Option::Some(#borrowed))
}
