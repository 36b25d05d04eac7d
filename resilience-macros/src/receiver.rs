//! How a body that may use up its `self` gets one. Nothing in the body is renamed: `self` stays the variable that it is, and is
//! assigned anew for each attempt. What policies hold meanwhile is a clone of another name.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::{Receiver, ReceiverKind, Token, Type};

use crate::arguments::Part;
use crate::error::{Errors, Result, at};
use crate::item::{Body, Function, rename};
use crate::layer::{At, Layer};
use crate::mention;
use crate::paths::{local, runtime};

/// How a method takes its receiver.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Own {
    Shared,
    Mutable,
    /// `Arc<Self>`: cheap to clone.
    Counted,
    Value,
}

impl Own {
    pub(crate) fn of(receiver: &Receiver) -> Self {
        let ReceiverKind::Typed(_, ty) = &receiver.kind else {
            return match &receiver.kind {
                ReceiverKind::Reference(_, _, None) => Self::Shared,
                ReceiverKind::Reference(..) => Self::Mutable,
                _ => Self::Value,
            };
        };
        match &**ty {
            Type::Reference(reference) if reference.mutability.is_some() => Self::Mutable,
            Type::Reference(_) => Self::Shared,
            Type::Path(path) => match path.path.segments.last() {
                Some(last) if last.ident == "Arc" || last.ident == "Rc" => Self::Counted,
                // `Pin<&Self>` is a copy; `Pin<&mut Self>` is left to the compiler.
                Some(last) if last.ident == "Pin" => Self::Shared,
                _ => Self::Value,
            },
            _ => Self::Value,
        }
    }

    /// Whether the body can use it up.
    fn is_owned(self) -> bool {
        matches!(self, Self::Counted | Self::Value)
    }
}

/// A `self` that the body may use up, as one layer meets it.
#[derive(Default)]
pub(crate) struct OwnSelf {
    /// The function's token.
    token: Option<Token![self]>,
    /// Where this policy, which can run what is below it again, finds a `self` for each time.
    hands_out: bool,
    /// Policies name `self` as well.
    is_kept: bool,
    /// This one evaluates something with `self` after the body.
    is_restored: bool,
}

/// What the policies of a part call `self`, where the body may use it up.
fn kept() -> Ident {
    local("this")
}

/// Whether the body may use `self` up, or it goes to a pool below.
fn is_used(body: &Body, part: &Part) -> bool {
    mention::may_name_self(&body.block.stream()) || mention::names_self(&part.over)
}

/// Whether this part of the stack names a `self` that is used up below.
fn keeps(function: &Function, body: &Body, part: &Part) -> bool {
    let owned = function.receiver().is_some_and(|receiver| Own::of(receiver).is_owned());
    owned && is_used(body, part) && mention::names_self(&part.mentions)
}

/// A clone for the policies of this part, if they need one.
pub(crate) fn keep(function: &Function, body: &Body, part: &Part) -> Option<TokenStream> {
    let token = function.receiver()?.self_token;
    let (runtime, kept) = (runtime(), kept());
    let clone = || quote_spanned!(Span::mixed_site()=> let #kept = #runtime::again(&#token););
    keeps(function, body, part).then(clone)
}

impl OwnSelf {
    pub(crate) fn at(function: &Function, body: &Body, part: &Part, layer: &Layer) -> Self {
        let Some(receiver) = function.receiver() else { return Self::default() };
        let is_kept = keeps(function, body, part);
        Self {
            token: Some(receiver.self_token),
            hands_out: Own::of(receiver) == Own::Counted && is_used(body, part) && layer.kind.needs().repeats,
            is_kept,
            is_restored: is_kept && mention::names_self(&layer.kind.evaluated()),
        }
    }

    fn is_assigned(&self) -> bool {
        self.hands_out || self.is_restored
    }

    /// A place that a policy holds while the body runs.
    pub(crate) fn place(&self, place: &TokenStream) -> TokenStream {
        if self.is_kept { rename(place.clone(), &kept()) } else { place.clone() }
    }

    /// After the body, which may have used it up: what the policy evaluates names it.
    pub(crate) fn restored(&self) -> Option<TokenStream> {
        let (runtime, kept, token) = (runtime(), kept(), self.token.filter(|_| self.is_restored)?);
        Some(quote_spanned!(Span::mixed_site()=> #token = #runtime::again(&#kept);))
    }

    /// For attempts one after the other: a slot in front of them, and what each of them is given. `last` says whether no
    /// other can follow.
    pub(crate) fn one_by_one(&self, slot: &Ident, last: &TokenStream) -> Option<[TokenStream; 2]> {
        let (runtime, token) = (runtime(), self.token.filter(|_| self.hands_out)?);
        Some([
            quote_spanned!(Span::mixed_site()=> let mut #slot = #runtime::slot(#token);),
            quote_spanned!(Span::mixed_site()=> #token = #runtime::hand_out(&mut #slot, #last);),
        ])
    }

    /// The same for attempts side by side.
    pub(crate) fn side_by_side(&self, slot: &Ident) -> Option<[TokenStream; 2]> {
        let (runtime, token) = (runtime(), self.token.filter(|_| self.hands_out)?);
        Some([
            quote_spanned!(Span::mixed_site()=> let #slot = #token;),
            quote_spanned!(Span::mixed_site()=> #token = #runtime::another(&#slot);),
        ])
    }
}

/// Makes the block around the body take all of `self`, as a function does: a field that is taken alone need not be `Send` where
/// the whole is.
pub(crate) fn whole(function: &Function, body: &Body) -> Option<TokenStream> {
    let receiver = function.receiver().filter(|_| mention::may_name_self(&body.block.stream()))?;
    let token = receiver.self_token;
    Some(match Own::of(receiver) {
        Own::Mutable => quote_spanned!(Span::mixed_site()=> let _ = &mut *#token;),
        Own::Shared => quote_spanned!(Span::mixed_site()=> let _ = &*#token;),
        Own::Counted | Own::Value => quote_spanned!(Span::mixed_site()=> let _ = &#token;),
    })
}

/// Whether each attempt borrows it anew: then no attempt may take it.
pub(crate) fn is_lent_again(function: &Function, body: &Body) -> bool {
    let is_mutable = function.receiver().is_some_and(|receiver| Own::of(receiver) == Own::Mutable);
    is_mutable && mention::may_name_self(&body.block.stream())
}

/// What a policy cannot do with this receiver.
pub(crate) fn check(function: &Function, body: &mut Body, part: &Part) -> Result<()> {
    let Some(receiver) = function.receiver() else { return Ok(()) };
    let mut errors = Errors::default();
    match Own::of(receiver) {
        Own::Mutable if part.needs.overlaps => {
            let wrong = "a hedged method cannot take `&mut self`: its attempts run side by side";
            errors.push(at(receiver, wrong, "take `&self`, with a lock around what changes"));
        }
        // A policy that names it needs it after the body.
        Own::Mutable if part.needs.repeats || mention::names_self(&part.mentions) => body.reborrow_self(),
        Own::Value if part.needs.repeats => {
            let wrong = "a repeated method cannot take `self` by value: the first attempt would use it up";
            let help = match part.needs {
                needs if needs.crosses => "take `self: Arc<Self>`",
                needs if needs.overlaps => "take `&self` or `self: Arc<Self>`",
                _ => "take `&self`, `&mut self` or `self: Arc<Self>`",
            };
            errors.push(at(receiver.self_token, wrong, help));
        }
        Own::Shared | Own::Mutable | Own::Counted | Own::Value => {}
    }
    errors.finish(())
}

/// Lets `self` be assigned, where it is.
pub(crate) fn make_mutable(function: &mut Function, ats: &[At<'_>], crosses: bool) {
    if crosses || ats.iter().any(|at| at.own_self.is_assigned()) {
        function.make_self_mutable();
    }
}
