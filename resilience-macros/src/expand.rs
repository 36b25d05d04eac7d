//! The whole function: one expansion for all of its policies.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;

use crate::args::{NOT_CONST, names_value};
use crate::arguments::{Arguments, Part, has_ident};
use crate::crossing::Crossing;
use crate::error::{Errors, Result, at};
use crate::item::{Body, Function, check_owned, join, nameable};
use crate::layer::{At, Code, Layer, Needs};
use crate::params::source;
use crate::paths::{self, item, local};
use crate::receiver::{self, Own, OwnSelf};
use crate::stack::{Boxed, Stack};
use crate::stretch::{self, Wait};
use crate::{judge, lent, mention, transaction};

/// The function with its body wrapped.
pub(crate) fn function(function: &mut Function, mut body: Body, stack: &Stack) -> Result<TokenStream> {
    let needs = stack.layers.iter().fold(Needs::default(), |needs, layer| needs | layer.kind.needs());
    let returns = nameable(&body.returns);
    check_constants(function, stack)?;
    check_held(function, stack)?;
    if needs.repeats {
        lent::check(function, &body.returns)?;
    }
    check_types(function, stack)?;
    transaction::check(function, stack)?;
    if needs.keeps {
        check_owned(&body.returns)?;
    }
    let whole = Part::of(stack, 0..stack.layers.len());
    receiver::check(function, &mut body, &whole)?;
    let waits = stretch::waits(&stack.layers);
    let layers = layers(function, &body, stack, &returns, &waits);
    let crossing = Crossing::find(function, &body, stack, &layers)?;
    let below = crossing.as_ref().map_or(0, |crossing| crossing.at + 1);
    let mut arguments = Arguments::of(function, &body, &Part::of(stack, below..stack.layers.len()))?;
    let kept = receiver::keep(function, &body, &Part::around(stack, 0));
    receiver::make_mutable(function, &layers, crossing.as_ref().is_some_and(|crossing| crossing.takes_self));
    if let Some(crossing) = &crossing {
        arguments.bind.extend(crossing.own.clone());
        crossing.strip_mut(function);
    }
    let edge = edge(&body, &returns, needs, stack);
    let items = items(function, stack, &layers);
    let prepare = layers.iter().zip(&stack.layers).map(|(at, layer)| layer.kind.prepare(at));
    let slots = crossing.as_ref().map_or(&arguments.slots, |crossing| &crossing.slots);
    let moves = needs.overlaps
        || crossing.as_ref().is_some_and(|crossing| crossing.is_last)
        || needs.repeats && !receiver::is_lent_again(function, &body);
    let mut code =
        innermost(function, &body, &returns, &arguments, moves, stretch::of_body(&stack.layers, &waits));
    for (at, layer) in layers.iter().zip(&stack.layers).rev() {
        if layer.kind.divides() {
            code = code.after(&stretch::declare(&stack.layers, &waits, at.index + 1));
        }
        let crossing = crossing.as_ref().filter(|crossing| crossing.at == at.index);
        let over = crossing.map(|crossing| crossing.over(&code, &arguments.slots));
        code = Code::Outcome(layer.kind.wrap(over.as_ref().unwrap_or(&code), at));
    }
    let begin = stretch::declare(&stack.layers, &waits, 0);
    let known = layers.first().zip(stack.layers.first()).and_then(|(at, layer)| layer.kind.known(at));
    let run = run(known.as_ref(), &begin, &code.outcome(), body.block.span());
    let of_one_type = of_one_type(function, stack);
    let mut call = quote!(#edge #(#prepare)* #kept #slots #run);
    if let Some(boxed) = &stack.options.boxed {
        call = in_a_box(boxed, call, body.block.span());
    }
    let block = body.close(&quote!(#items #of_one_type #call));
    let Function { attrs, vis, defaultness, sig, .. } = function;
    Ok(quote!(#(#attrs)* #vis #defaultness #sig #block))
}

/// The whole call as a box, which no future around it holds by value.
fn in_a_box(boxed: &Boxed, call: TokenStream, body: Span) -> TokenStream {
    let runtime = paths::runtime();
    let make = Ident::new(if boxed.local { "boxed_local" } else { "boxed" }, boxed.place);
    let mut block = Group::new(Delimiter::Brace, call);
    block.set_span(body);
    let future = quote_spanned!(body=> async move #block);
    quote_spanned!(boxed.place=> #runtime::#make(#future).await)
}

/// The call, where its outcome is not known before.
fn run(known: Option<&TokenStream>, begin: &TokenStream, code: &TokenStream, body: Span) -> TokenStream {
    let (call, outcome, edge) = (local("call"), local("outcome"), local("edge"));
    // What the body returns does not live long enough: the compiler says so where it is returned.
    let leave = quote_spanned!(Span::mixed_site().located_at(body)=> (&#edge).leave(#outcome));
    let call = quote_spanned! {Span::mixed_site()=>
        #begin
        (&mut #call).enter();
        let #outcome = { #code };
        (&mut #call).leave(&#outcome);
    };
    match known {
        // A block of its own: nothing of the look is kept while the call is pending.
        Some(known) => quote_spanned! {Span::mixed_site()=>
            let #outcome = 'known: {
                if let __resilience::core::option::Option::Some(#outcome) = #known {
                    break 'known #outcome;
                }
                #call
                #outcome
            };
            #leave
        },
        None => quote!(#call #leave),
    }
}

/// The names around each policy.
fn layers<'a>(
    function: &Function,
    body: &Body,
    stack: &Stack,
    returns: &'a Type,
    waits: &[Wait],
) -> Vec<At<'a>> {
    let names = stack.layers.iter().enumerate().map(|(index, layer)| {
        let own_self = OwnSelf::at(function, body, &Part::around(stack, index), layer);
        At {
            index,
            many: stack.layers.iter().filter(|other| other.name == layer.name).count() > 1,
            runtime: paths::runtime(),
            site: local("__SITE"),
            wait: waits[index],
            params: item("POLICY", index),
            body: body.block.span(),
            returns,
            absorbed: stack.absorbs(),
            earns: earns(stack, index),
            again: mention::again(function, stack, index),
            transaction: own_self.place(&transaction::lend(function, layer)),
            own_self,
            once: None,
        }
    });
    let mut ats: Vec<_> = names.collect();
    let once: Vec<_> = ats.iter().zip(&stack.layers).filter_map(|(at, layer)| layer.kind.once(at)).collect();
    if !once.is_empty() {
        let once = quote_spanned!(Span::mixed_site()=> .once_if(#(#once)||*));
        for at in &mut ats {
            at.once = Some(once.clone());
        }
    }
    ats
}

/// A call earns its share of a budget once, also where several of its policies spend from the same one: the first does.
fn earns(stack: &Stack, index: usize) -> bool {
    let budget = |layer: &Layer| layer.kind.budget().map(|budget| source(Some(budget)));
    let own = budget(&stack.layers[index]);
    own.is_some() && stack.layers[..index].iter().all(|above| budget(above) != own)
}

/// The statics of the site. They stand first, and the stack's const is the very first.
fn items(function: &Function, stack: &Stack, ats: &[At<'_>]) -> TokenStream {
    let (runtime, site, marker) = (paths::runtime(), local("__SITE"), local(paths::MARKER));
    let facade = paths::facade(stack.options.facade.as_ref());
    let layers = &stack.layers;
    let policies = layers.iter().enumerate().map(|(index, layer)| {
        let (variant, params) = (&layer.params.variant, item("POLICY", index));
        quote!(#runtime::policy::Policy::#variant(#params))
    });
    let params = layers.iter().enumerate().map(|(index, layer)| {
        let (ty, tokens, name) = (&layer.params.ty, &layer.params.tokens, item("POLICY", index));
        quote_spanned!(Span::mixed_site()=> const #name: #ty = #tokens;)
    });
    let states = ats.iter().zip(layers).map(|(at, layer)| layer.kind.state(at));
    let gauges = ats.iter().zip(layers).filter_map(|(at, layer)| layer.kind.engine()?.gauge(at));
    let mut imports: Vec<_> = layers.iter().filter_map(|layer| layer.import.as_ref()).collect();
    imports.extend(&stack.options.imports);
    imports.sort_by_key(|path| path.get_ident().map(ToString::to_string));
    imports.dedup_by_key(|path| path.get_ident().map(ToString::to_string));
    let imports = function.use_up(imports);
    let here = local("__here");
    let names = match &stack.options.name {
        Some(name) => quote!(#name, __resilience::core::option::Option::None),
        None => {
            let name = function.sig.ident.unraw().to_string();
            let module = quote!(__resilience::core::module_path!());
            quote!(__resilience::core::concat!(#module, "::", #name), __resilience::core::option::Option::Some(#module))
        }
    };
    let rules = judge::item(stack, &function.sig.ident);
    quote_spanned! {Span::mixed_site()=>
        const #marker: &[#runtime::policy::Policy] = &[#(#policies),*];
        use #facade::__private as #runtime;
        #imports
        #(#params)*
        #rules
        fn #here() -> &'static str {
            __resilience::core::any::type_name_of_val(&#here)
        }
        static #site: #runtime::Site =
            #runtime::Site::new(#names, #here, __resilience::core::file!(), __resilience::core::line!(), #marker, &[#(&#gauges),*]);
        const _: () = {
            #[#runtime::linkme::distributed_slice(#runtime::RESILIENCE_SITES_0_1)]
            #[linkme(crate = #runtime::linkme)]
            static REGISTERED: &#runtime::Site = &#site;
        };
        #(#states)*
    }
}

/// What is kept in a static would be one for all who implement a trait, and only the compiler knows a default method: in
/// it, `Self` has no size.
fn of_one_type(function: &Function, stack: &Stack) -> TokenStream {
    if function.receiver().is_none() {
        return TokenStream::new();
    }
    let kept = stack.layers.iter().filter(|layer| layer.kind.is_of_one_type());
    kept.map(|layer| {
        let runtime = paths::runtime();
        quote_spanned!(layer.place.start=> #runtime::of_one_type::<Self>();)
    })
    .collect()
}

/// All bounds on the user's types, in one call at the return type.
fn edge(body: &Body, returns: &Type, needs: Needs, stack: &Stack) -> TokenStream {
    let (edge, written) = (local("edge"), &body.returns);
    let maker = match (needs.rejects, needs.classifies) {
        (true, true) => "edge",
        (true, false) => "edge_rejecting",
        (false, true) => "edge_classifying",
        (false, false) => "edge_plain",
    };
    let maker = Ident::new(maker, join(written));
    // All of it is the user's own place, the path too: no error says that it originates in a macro.
    let facade = match &stack.options.facade {
        None => quote_spanned!(join(written)=> ::resilience),
        Some(path) => quote!(#path),
    };
    let call = match (stack.absorbs(), &body.bare) {
        (false, _) => quote_spanned!(join(written)=> #facade::__private::#maker::<#returns>()),
        (true, Some(_)) => {
            quote_spanned!(join(written)=> #facade::__private::edge::<#facade::__private::Bare<#returns>>())
        }
        (true, None) => {
            let call = quote_spanned!(join(written)=> #facade::__private::any_result::<#returns>().#maker());
            quote!({ #[allow(unused_imports)] use #facade::__private::BareResult as _; #call })
        }
    };
    let crossing = needs.crosses.then(|| {
        let crossing = local("crossing");
        let call = if stack.absorbs() {
            quote_spanned!(join(written)=> #facade::__private::crossing_of(&#edge))
        } else {
            quote_spanned!(join(written)=> #facade::__private::crossing::<#returns>())
        };
        quote_spanned!(Span::mixed_site()=> let #crossing = #call;)
    });
    let class = (needs.tells_class && !needs.classifies).then(|| {
        let [known, unknown, method] = ["ClassKnown", "ClassUnknown", "class_told"].map(local);
        quote_spanned! {Span::mixed_site()=>
            let #edge = {
                #[allow(unused_imports)]
                use __resilience::{#known as _, #unknown as _};
                #edge.#method()
            };
        }
    });
    quote_spanned!(Span::mixed_site()=> let #edge = #call; #class #crossing)
}

/// One run of the body. It takes what it names, where it may outlive what is around it.
fn innermost(
    function: &Function,
    body: &Body,
    returns: &Type,
    arguments: &Arguments,
    moves: bool,
    wait: Option<Wait>,
) -> Code {
    let (mut runtime, edge) = (paths::runtime(), local("edge"));
    let (block, statements) = (&body.block, body.block.stream());
    let statements = if body.is_expression() { statements } else { quote!(#block) };
    let whole = receiver::whole(function, body);
    // At the return type, where an error in the body points for "the return type is this".
    let there = Span::mixed_site().located_at(join(&body.returns));
    runtime.set_span(there);
    let pin = quote_spanned!(there=> if false { return #runtime::never::<#returns>(); });
    let bind = &arguments.bind;
    // The block is the user's own, also to the compiler: what it takes from the function it takes there.
    let run = |inside| {
        let mut run = Group::new(Delimiter::Brace, inside);
        run.set_span(block.span());
        run
    };
    let (before, run) = if moves {
        let run = run(quote!(#pin #statements));
        (bind.clone(), quote_spanned!(block.span()=> async move #run))
    } else {
        let run = run(quote!(#pin #whole #bind #statements));
        (TokenStream::new(), quote_spanned!(block.span()=> async #run))
    };
    let Some(wait) = wait else {
        return Code::Future(quote_spanned!(Span::mixed_site()=> { #before (&#edge).attempt_later(#run) }));
    };
    let (pinned, outcome) = (local("body"), local("outcome"));
    let waited = wait.outcome(&quote_spanned!(Span::mixed_site()=> (&#edge).attempt(#pinned)));
    // The body is gone at the end of this block, while the call is still in place.
    Code::Outcome(quote_spanned! {Span::mixed_site()=> {
        #before
        let #pinned = __resilience::core::pin::pin!(#run);
        let #outcome = #waited;
        #outcome
    }})
}

/// A body that changes `self` cannot run while a policy holds a part of it.
fn check_held(function: &Function, stack: &Stack) -> Result<()> {
    let mut errors = Errors::default();
    if function.receiver().is_some_and(|receiver| Own::of(receiver) == Own::Mutable) {
        let held = stack.layers.iter().filter_map(|layer| layer.kind.engine()?.place());
        for place in held.filter(|place| mention::names_self(&place.to_token_stream())) {
            let wrong =
                "a `&mut self` method lends all of `self` to its body, and the policy holds this meanwhile";
            errors.push(at(place, wrong, "take `&self`, or share a `static`"));
        }
    }
    errors.finish(())
}

/// What is kept under a function's name would be one for all types that the function is generic over.
fn check_types(function: &Function, stack: &Stack) -> Result<()> {
    let mut errors = Errors::default();
    let keeps = stack.layers.iter().any(|layer| layer.kind.needs().keeps && layer.kind.is_of_one_type());
    if keeps && let Some(parameter) = function.type_parameters().first() {
        let name = &function.sig.ident;
        let wrong = format!("`{name}` is generic, and its types would get the results of each other");
        let help = "tell them apart, as by `scope = T::NAME`; or say that all are one operation: `scope = _`";
        errors.push(at(parameter, wrong, help));
    }
    errors.finish(())
}

/// A number is judged when the crate is checked: no parameter of the function has a value there.
fn check_constants(function: &Function, stack: &Stack) -> Result<()> {
    let mut errors = Errors::default();
    let generics = &function.sig.generics;
    let types = generics.type_params().map(|param| ("type parameter", param.ident.clone()));
    let consts = generics.const_params().map(|param| ("const parameter", param.ident.clone()));
    let arguments = function.bindings().into_iter().map(|binding| ("argument", binding.ident));
    let params: Vec<_> = types.chain(consts).chain(arguments).collect();
    for expr in stack.layers.iter().flat_map(|layer| &layer.params.computed) {
        let tokens = expr.to_token_stream();
        let found = params.iter().find(|(kind, name)| match *kind {
            "argument" => names_value(tokens.clone(), name),
            _ => has_ident(&tokens, name),
        });
        if let Some((kind, name)) = found {
            let wrong = format!("the {kind} `{name}` is not known where this number is judged");
            let help = match *kind {
                "argument" => NOT_CONST,
                _ => "use a `const` outside of the function, or write the number",
            };
            errors.push(at(expr, wrong, help));
        }
    }
    errors.finish(())
}
