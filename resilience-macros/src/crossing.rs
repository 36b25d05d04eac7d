//! A stack with a pool: what is below the pool runs on another thread, as a future that owns all it uses.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::visit_mut::{self, VisitMut};
use syn::{FnArg, Lifetime, ParenthesizedGenericArguments, ReceiverKind, Token, Type, TypeFnPtr};

use crate::arguments::{Part, bounded};
use crate::error::{Errors, Result, at, at_span};
use crate::item::{Binding, Body, Function, join};
use crate::layer::{At, Code};
use crate::mention;
use crate::paths::{local, runtime};
use crate::receiver;
use crate::stack::Stack;

/// How the arguments get across.
#[derive(Default)]
pub(crate) struct Crossing {
    /// The place of the pool in the stack.
    pub(crate) at: usize,
    /// On the caller's side: what several crossings need.
    pub(crate) slots: TokenStream,
    /// Before each crossing.
    bind: TokenStream,
    /// At the top of the body: what it would otherwise borrow from the policies around it.
    pub(crate) own: TokenStream,
    /// What the caller's side does not use any more.
    moved: Vec<Ident>,
    /// Whether `self` goes over.
    pub(crate) takes_self: bool,
    /// On the other side: the clone of it that policies hold there.
    kept: Option<TokenStream>,
    /// Whether the body runs once on the other side, which it then has to itself.
    pub(crate) is_last: bool,
}

impl Crossing {
    /// The crossing of this stack, if it has one.
    pub(crate) fn find(
        function: &Function,
        body: &Body,
        stack: &Stack,
        ats: &[At<'_>],
    ) -> Result<Option<Self>> {
        let crosses = |index: &usize| stack.layers[*index].kind.needs().crosses;
        let mut pools = (0..stack.layers.len()).filter(crosses);
        let Some(pool) = pools.next() else { return Ok(None) };
        let mut errors = Errors::default();
        for second in pools {
            let wrong = "a call goes to one pool, and this is the second in its stack";
            errors.push(at_span(stack.layers[second].place("pool"), wrong, "keep one of them"));
        }
        check_owned(function, &mut errors);
        check_below(stack, ats, pool, &mut errors);
        errors.finish(())?;
        let (above, below) = (Part::of(stack, 0..pool), Part::of(stack, pool + 1..stack.layers.len()));
        let is_last = !below.needs.repeats;
        let mut crossing = Self { at: pool, is_last, ..Self::default() };
        let mut inside = body.block.stream();
        inside.extend(below.mentions.clone());
        if let Some(receiver) = function.receiver().filter(|_| mention::may_name_self(&inside)) {
            crossing.receiver(receiver.self_token);
            crossing.kept = receiver::keep(function, body, &below);
        }
        for binding in function.bindings() {
            if mention::may_name(&inside, &binding.ident) {
                crossing.argument(&binding, &above, &below);
            }
        }
        Ok(Some(crossing))
    }

    fn receiver(&mut self, token: Token![self]) {
        let value = handed_over(&quote!(#token), token.span);
        self.bind.extend(quote_spanned!(Span::mixed_site()=> #token = #value;));
        self.takes_self = true;
    }

    fn argument(&mut self, binding: &Binding, above: &Part, below: &Part) {
        let (ident, runtime, borrow) = (&binding.ident, runtime(), Some(Token![&](join(&binding.ty))));
        let (mentioned, condition) = (mention::names(&above.mentions, ident), binding.condition());
        let value = match &above.last {
            _ if mentioned => bounded(binding, "again", borrow),
            _ if !above.needs.repeats => located(ident, join(&binding.ty)).into_token_stream(),
            None => bounded(binding, "another", borrow),
            Some(last) => {
                let (slot, taken) =
                    (local(&format!("{}_slot", ident.unraw())), bounded(binding, "slot", None));
                self.slots.extend(quote_spanned!(Span::mixed_site()=> #condition let mut #slot = #taken;));
                quote_spanned!(Span::mixed_site()=> #runtime::hand_out(&mut #slot, #last))
            }
        };
        let value = handed_over(&value, join(&binding.ty));
        let bound = |allow: TokenStream, mutable: Option<Token![mut]>, value: &TokenStream| {
            let let_it = quote_spanned!(Span::mixed_site()=> let #mutable #ident = #value;);
            quote!(#condition #[allow(clippy::shadow_unrelated #allow)] #let_it) // by what it was
        };
        let mutable = binding.mutable;
        if mention::names(&below.mentions, ident) {
            let allow = if mutable.is_some() { quote!(, unused_mut) } else { TokenStream::new() };
            self.bind.extend(bound(allow, mutable, &value));
        } else {
            self.bind.extend(bound(TokenStream::new(), None, &value));
            if !below.needs.repeats {
                self.own.extend(bound(TokenStream::new(), mutable, &ident.to_token_stream()));
            }
        }
        if !mentioned {
            self.moved.push(ident.clone());
        }
    }

    /// Takes the `mut`s off what is bound once more on the other side.
    pub(crate) fn strip_mut(&self, function: &mut Function) {
        function.strip_mut(|name| self.moved.contains(name));
    }

    /// What goes over: the code below the pool, with its own slots.
    pub(crate) fn over(&self, below: &Code, slots: &TokenStream) -> Code {
        let (bind, kept, below) = (&self.bind, &self.kept, below.outcome());
        Code::Future(quote_spanned!(Span::mixed_site()=> { #bind async move { #kept #slots #below } }))
    }
}

/// The value with a bound on it, which an error shows at its type: so all of the call stands there.
fn handed_over(value: &TokenStream, place: Span) -> TokenStream {
    let there = Span::mixed_site().located_at(place);
    let runtime = located(&runtime(), place);
    quote_spanned!(there=> #runtime::hand_over(#value))
}

/// The name as if it stood there.
fn located(name: &Ident, place: Span) -> Ident {
    let mut name = name.clone();
    name.set_span(name.span().located_at(place));
    name
}

/// A policy below a pool keeps nothing on the caller's side.
fn check_below(stack: &Stack, ats: &[At<'_>], pool: usize, errors: &mut Errors) {
    for (layer, at) in stack.layers.iter().zip(ats).skip(pool + 1) {
        if layer.kind.stays(at) {
            let written = |name: &&str| layer.params.places.iter().any(|(written, _)| written == name);
            let argument = ["key", "weight"].into_iter().find(written).unwrap_or("key");
            let wrong = format!(
                "the `{argument}` of `#[{}]` is read before any policy acts, and this one acts on a thread of the pool",
                layer.name
            );
            errors.push(at_span(layer.place(argument), wrong, "put it above the `#[bulkhead(pool = ...)]`"));
        }
    }
}

/// What is borrowed from the caller cannot go across: the thread of a pool can outlive it.
fn check_owned(function: &Function, errors: &mut Errors) {
    const WHY: &str = "is borrowed, and the body runs on a thread of the pool, which can outlive the caller";
    for arg in &function.sig.inputs {
        match arg {
            FnArg::Receiver(receiver) => {
                if let ReceiverKind::Reference(..) = &receiver.kind {
                    let help = "take `self: Arc<Self>`, which is cheap to clone, or `self`";
                    errors.push(at(receiver, format!("this `self` {WHY}"), help));
                } else if let ReceiverKind::Typed(_, ty) = &receiver.kind
                    && let Some(part) = borrowed(ty)
                {
                    let help = "take `self: Arc<Self>`, which is cheap to clone, or `self`";
                    errors.push(at(part, format!("this `self` {WHY}"), help));
                }
            }
            FnArg::Typed(arg) => {
                if let Some(part) = borrowed(&arg.ty) {
                    let help = "take what owns its content, such as `String` or `Arc<str>`";
                    errors.push(at(part, format!("this argument {WHY}"), help));
                }
            }
        }
    }
}

/// The part of a type that is visibly borrowed for less than ever.
fn borrowed(ty: &Type) -> Option<TokenStream> {
    struct Find(Option<TokenStream>);
    impl VisitMut for Find {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            match ty {
                Type::Reference(reference)
                    if reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static") =>
                {
                    self.0 = Some(reference.to_token_stream());
                }
                _ => visit_mut::visit_type_mut(self, ty),
            }
        }

        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                self.0 = Some(lifetime.to_token_stream());
            }
        }

        // What a function takes is borrowed for its call.
        fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {}

        fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
    }
    let mut find = Find(None);
    find.visit_type_mut(&mut ty.clone());
    find.0
}
