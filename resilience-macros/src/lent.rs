//! A repeated function that returns a part of what it may change: each attempt would have to lend it again.

use syn::visit_mut::{self, VisitMut};
use syn::{
    FnArg, Lifetime, ParenthesizedGenericArguments, Receiver, ReceiverKind, Type, TypeFnPtr, TypeReference,
};

use crate::error::{Errors, Result, at};
use crate::item::Function;

/// The lifetime of a reference, if it is written.
type Of = Option<Lifetime>;

/// Refuses a result that borrows from a `&mut` argument, as far as the signature tells.
pub(crate) fn check(function: &Function, returns: &Type) -> Result<()> {
    let changed: Vec<Of> = function.sig.inputs.iter().filter_map(mutable).collect();
    let is_elided = |of: &Of| of.as_ref().is_none_or(|lifetime| lifetime.ident == "_");
    // An elided lifetime of a result is that of the receiver, and else that of the only argument that has one.
    let elided_is_changed = match function.receiver() {
        Some(receiver) => mutable_receiver(receiver).is_some_and(|of| is_elided(&of)),
        None => changed.iter().any(is_elided),
    };
    let mut find = Find(Vec::new());
    find.visit_type_mut(&mut returns.clone());
    let is_lent = |of: &Of| if is_elided(of) { elided_is_changed } else { changed.contains(of) };
    let mut errors = Errors::default();
    if find.0.iter().any(is_lent) {
        let wrong = "this borrows from a `&mut` argument, and a second attempt would borrow it again";
        errors.push(at(returns, wrong, "return a value of its own, and lend the part after the call"));
    }
    errors.finish(())
}

fn mutable(input: &FnArg) -> Option<Of> {
    match input {
        FnArg::Receiver(receiver) => mutable_receiver(receiver),
        FnArg::Typed(arg) => mutable_reference(&arg.ty),
    }
}

fn mutable_receiver(receiver: &Receiver) -> Option<Of> {
    match &receiver.kind {
        ReceiverKind::Reference(_, lifetime, Some(_)) => Some(lifetime.clone()),
        ReceiverKind::Typed(_, ty) => mutable_reference(ty),
        _ => None,
    }
}

fn mutable_reference(ty: &Type) -> Option<Of> {
    match ty {
        Type::Reference(TypeReference { lifetime, mutability: Some(_), .. }) => Some(lifetime.clone()),
        _ => None,
    }
}

/// The lifetimes in a type, those of references that have none written among them.
struct Find(Vec<Of>);

impl VisitMut for Find {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.is_none() {
            self.0.push(None);
        }
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        self.0.push(Some(lifetime.clone()));
    }

    // What a function takes is borrowed for its call.
    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {}

    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
}
