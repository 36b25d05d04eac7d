//! What a function becomes, read by a person before it is accepted.
#![allow(clippy::too_many_lines, reason = "an expansion is as long as it is")]

use expect_test::{Expect, expect};
use proc_macro2::TokenStream;
use quote::quote;

#[allow(clippy::needless_pass_by_value, reason = "`quote!` gives a value")]
pub(crate) fn check(name: &str, args: TokenStream, item: TokenStream, expected: &Expect) {
    let expanded = crate::pipeline::attribute(name, args, &item);
    let file = syn::parse2(expanded).expect("an item");
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn the_headline() {
    check(
        "idempotent",
        quote!(key = order.id),
        quote! {
            #[timeout(ms = 2_000)]
            #[retry(attempts = 3)]
            #[circuit_breaker(failure_rate = 0.5)]
            #[timeout(ms = 500)]
            async fn charge(gateway: &Gateway, order: &Order) -> Result<Receipt, PayError> {
                gateway.post(order).await
            }
        },
        &expect![[r#"
            async fn charge(gateway: &Gateway, order: &Order) -> Result<Receipt, PayError> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Idempotent(__POLICY_0),
                    __resilience::policy::Policy::Timeout(__POLICY_1),
                    __resilience::policy::Policy::Retry(__POLICY_2),
                    __resilience::policy::Policy::CircuitBreaker(__POLICY_3),
                    __resilience::policy::Policy::Timeout(__POLICY_4),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use circuit_breaker as _;
                #[allow(unused_imports)]
                use retry as _;
                #[allow(unused_imports)]
                use timeout as _;
                const __POLICY_0: __resilience::policy::idempotent::Idempotent = __resilience::policy::idempotent::Idempotent {
                    key: "order . id",
                    ..__resilience::policy::idempotent::Idempotent::DEFAULT
                };
                const __POLICY_1: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: ::core::time::Duration::from_secs(2u64),
                };
                const __POLICY_2: __resilience::policy::retry::Retry = __resilience::policy::retry::Retry {
                    attempts: 3u32,
                    ..__resilience::policy::retry::Retry::DEFAULT
                };
                const __POLICY_3: __resilience::policy::circuit_breaker::CircuitBreaker = __resilience::policy::circuit_breaker::CircuitBreaker {
                    failure_rate: 0.5f64,
                    ..__resilience::policy::circuit_breaker::CircuitBreaker::DEFAULT
                };
                const __POLICY_4: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: ::core::time::Duration::from_millis(500u64),
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "charge"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[&__BREAKER_3],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __LEDGER_0: __resilience::SiteLedger = __resilience::SiteLedger::new(
                    &__SITE,
                    &__POLICY_0,
                );
                static __TIMEOUT_1: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                static __RETRY_2: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_2,
                );
                static __BREAKER_3: __resilience::CircuitBreaker = __resilience::CircuitBreaker::of_site(
                    &__SITE,
                    __POLICY_3,
                );
                static __TIMEOUT_4: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_4,
                );
                let edge = ::resilience::__private::edge::<Result<Receipt, PayError>>();
                let codec = __resilience::codec::<Result<Receipt, PayError>>();
                let names = {
                    let key = __resilience::Encoded::of(&order.id);
                    __resilience::Names {
                        key: key,
                        scope: ::core::option::Option::None,
                        fingerprint: ::core::option::Option::None,
                    }
                };
                let call = ::core::pin::pin!(
                    async { 'idempotent : { let mut claim = match __LEDGER_0.claim(& names, & codec).
                    await { __resilience::Entry::Run(claim) => claim,
                    __resilience::Entry::Done(outcome) => break 'idempotent outcome, }; let operation
                    = ::core::pin::pin!(async { { let timed = ::core::pin::pin!(async { { let mut
                    retry = __RETRY_2.start(); loop { retry.begin(); let wait = { let outcome =
                    'breaker : { let permit = match __BREAKER_3.admit(& __SITE) {
                    ::core::result::Result::Ok(permit) => permit,
                    ::core::result::Result::Err(rejection) => { break
                    'breaker::core::result::Result::Err(rejection.into()); } }; let outcome = { let
                    timed = ::core::pin::pin!(edge.attempt(async { if false { return
                    __resilience::never:: < Result < Receipt, PayError > > (); } gateway.post(order).
                    await })); __TIMEOUT_4.cut(timed). await }; permit.settle(edge.verdict(& outcome,
                    ::core::option::Option::None, ::core::option::Option::None)); outcome }; match
                    retry.next(edge.verdict(& outcome, ::core::option::Option::None,
                    ::core::option::Option::None), ::core::option::Option::None) {
                    ::core::option::Option::Some(wait) => wait, ::core::option::Option::None => break
                    outcome, } }; __resilience::pause(wait). await; } } }); __TIMEOUT_1.cut(timed).
                    await } }); let outcome = claim.keep(operation). await; claim.settle(outcome, &
                    edge, & codec). await } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_repeated_body_gets_its_arguments_anew() {
    check(
        "retry",
        quote!(attempts = 2, repeatable, when = |error| error.may_pass(limit)),
        quote! {
            pub async fn send(&mut self, mut word: String, (a, b): (u8, Tag), limit: Limit) -> Result<impl Sized, E> {
                self.out.push(word, a, b, limit)
            }
        },
        &expect![[r#"
            pub async fn send(
                &mut self,
                word: String,
                (a, b): (u8, Tag),
                limit: Limit,
            ) -> Result<impl Sized, E> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Retry(__POLICY_0),
                ];
                use ::resilience::__private as __resilience;
                const __POLICY_0: __resilience::policy::retry::Retry = __resilience::policy::retry::Retry {
                    attempts: 2u32,
                    repeatable: true,
                    when: "| error | error . may_pass (limit)",
                    ..__resilience::policy::retry::Retry::DEFAULT
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "send"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __RETRY_0: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                let edge = ::resilience::__private::edge_plain::<Result<_, E>>();
                let mut word_slot = __resilience::slot::<String>(word);
                let mut b_slot = __resilience::slot(b);
                let mut a_slot = __resilience::slot(a);
                let call = ::core::pin::pin!(
                    async { { let mut retry = __RETRY_0.start(); loop { retry.begin(); let wait = {
                    let outcome = edge.attempt(async { if false { return __resilience::never:: <
                    Result < _, E > > (); } let mut word = __resilience::hand_out(& mut word_slot,
                    retry.last()); let b = __resilience::hand_out(& mut b_slot, retry.last()); let a
                    = __resilience::hand_out(& mut a_slot, retry.last()); let limit =
                    __resilience::again:: < Limit > (& limit); self.out.push(word, a, b, limit) }).
                    await; match retry.next(edge.verdict(& outcome, ::core::option::Option::Some(& |
                    error | error.may_pass(limit)), ::core::option::Option::None),
                    ::core::option::Option::None) { ::core::option::Option::Some(wait) => wait,
                    ::core::option::Option::None => break outcome, } }; __resilience::pause(wait).
                    await; } } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn attempts_that_overlap_share_the_arguments() {
    check(
        "retry",
        quote!(attempts = 2, repeatable),
        quote! {
            #[hedge(after = "50ms", budget = self.budget, repeatable)]
            async fn load(self: Arc<Self>, id: u32, name: &str) -> Result<Reply, E> {
                self.client.load(id, name).await
            }
        },
        &expect![[r#"
            async fn load(self: Arc<Self>, id: u32, name: &str) -> Result<Reply, E> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Retry(__POLICY_0),
                    __resilience::policy::Policy::Hedge(__POLICY_1),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use hedge as _;
                const __POLICY_0: __resilience::policy::retry::Retry = __resilience::policy::retry::Retry {
                    attempts: 2u32,
                    repeatable: true,
                    ..__resilience::policy::retry::Retry::DEFAULT
                };
                const __POLICY_1: __resilience::policy::hedge::Hedge = __resilience::policy::hedge::Hedge {
                    budget: "self . budget",
                    after: __resilience::policy::hedge::After::Time(
                        ::core::time::Duration::from_millis(50u64),
                    ),
                    repeatable: true,
                    ..__resilience::policy::hedge::Hedge::DEFAULT
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "load"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __RETRY_0: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                static __HEDGE_1: __resilience::Hedge = __resilience::Hedge::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                let edge = ::resilience::__private::edge_classifying::<Result<Reply, E>>();
                let call = ::core::pin::pin!(
                    async { { let mut retry = __RETRY_0.start(); loop { retry.begin(); let wait = {
                    let outcome = { { let budget : & __resilience::RetryBudget = & self.budget;
                    budget.earn(); } let make = || edge.attempt(async { if false { return
                    __resilience::never:: < Result < Reply, E > > (); } let this =
                    __resilience::again(& self); let id = __resilience::another:: < u32 > (& id);
                    this.client.load(id, name). await }); let first =
                    ::core::pin::pin!(::core::option::Option::Some(make())); __HEDGE_1.race(first,
                    make, ::core::option::Option::Some({ let budget : & __resilience::RetryBudget = &
                    self.budget; budget })). await }; match retry.next(edge.verdict(& outcome,
                    ::core::option::Option::None, ::core::option::Option::None),
                    ::core::option::Option::None) { ::core::option::Option::Some(wait) => wait,
                    ::core::option::Option::None => break outcome, } }; __resilience::pause(wait).
                    await; } } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_number_that_only_the_compiler_knows_is_judged_in_a_const() {
    check(
        "timeout",
        quote!(after = BUDGET),
        quote! {
            async fn call() -> Result<(), E> {
                Ok(())
            }
        },
        &expect![[r#"
            async fn call() -> Result<(), E> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Timeout(__POLICY_0),
                ];
                use ::resilience::__private as __resilience;
                const __POLICY_0: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: BUDGET,
                };
                const _: () = if let ::core::option::Option::Some(found) = __resilience::policy::judge(
                    __RESILIENCE_STACK,
                    &[],
                    false,
                ) {
                    if found.blames(0usize, "after") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.policy == 0usize {
                        ::core::panic!("{}", found.message())
                    }
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "call"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __TIMEOUT_0: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                let edge = ::resilience::__private::edge_rejecting::<Result<(), E>>();
                let call = ::core::pin::pin!(
                    async { { let timed = ::core::pin::pin!(edge.attempt(async { if false { return
                    __resilience::never:: < Result < (), E > > (); } Ok(()) })); __TIMEOUT_0
                    .cut(timed). await } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_weight_is_computed_before_any_policy_acts() {
    check(
        "timeout",
        quote!(ms = 500),
        quote! {
            #[rate_limit(permits = 1_000, burst = 500, weight = rows.len() as u32, max_wait = "100ms")]
            #[rate_limit(permits = 10, weight = COST, fleet = open)]
            async fn insert(rows: Vec<Row>) -> Result<(), E> {
                store(rows).await
            }
        },
        &expect![[r#"
            async fn insert(rows: Vec<Row>) -> Result<(), E> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Timeout(__POLICY_0),
                    __resilience::policy::Policy::RateLimit(__POLICY_1),
                    __resilience::policy::Policy::RateLimit(__POLICY_2),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use rate_limit as _;
                const __POLICY_0: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: ::core::time::Duration::from_millis(500u64),
                };
                const __POLICY_1: __resilience::policy::rate_limit::RateLimit = __resilience::policy::rate_limit::RateLimit {
                    permits: 1000u32,
                    burst: ::core::option::Option::Some(500u32),
                    weight: __resilience::policy::rate_limit::Weight::Computed(
                        "rows . len () as u32",
                    ),
                    max_wait: ::core::option::Option::Some(
                        ::core::time::Duration::from_millis(100u64),
                    ),
                    ..__resilience::policy::rate_limit::RateLimit::DEFAULT
                };
                const __POLICY_2: __resilience::policy::rate_limit::RateLimit = __resilience::policy::rate_limit::RateLimit {
                    permits: 10u32,
                    weight: __resilience::policy::rate_limit::Weight::Fixed({
                        let weight: ::core::primitive::u32 = COST;
                        weight
                    }),
                    fleet: ::core::option::Option::Some(
                        __resilience::policy::rate_limit::Fail::Open,
                    ),
                    ..__resilience::policy::rate_limit::RateLimit::DEFAULT
                };
                const _: () = if let ::core::option::Option::Some(found) = __resilience::policy::judge(
                    __RESILIENCE_STACK,
                    &[],
                    false,
                ) {
                    if found.blames(0usize, "after") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.policy == 0usize {
                        ::core::panic!("{}", found.message())
                    }
                    if found.blames(1usize, "permits") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.blames(1usize, "burst") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.blames(1usize, "weight") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.blames(1usize, "max_wait") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.policy == 1usize {
                        ::core::panic!("{}", found.message())
                    }
                    if found.blames(2usize, "permits") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.blames(2usize, "weight") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.blames(2usize, "fleet") {
                        ::core::panic!("{}", found.message())
                    }
                    if found.policy == 2usize {
                        ::core::panic!("{}", found.message())
                    }
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "insert"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[&__RATE_LIMIT_1, &__RATE_LIMIT_2],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __TIMEOUT_0: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                static __RATE_LIMIT_1: __resilience::RateLimit = __resilience::RateLimit::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                static __RATE_LIMIT_2: __resilience::RateLimit = __resilience::RateLimit::of_site(
                    &__SITE,
                    __POLICY_2,
                );
                let edge = ::resilience::__private::edge_rejecting::<Result<(), E>>();
                let weight_1: ::core::primitive::u32 = rows.len() as u32;
                let call = ::core::pin::pin!(
                    async { { let timed = ::core::pin::pin!(async { 'rate_limit_1 : { if let
                    ::core::result::Result::Err(rejection) = __RATE_LIMIT_1.admit(& __SITE, weight_1)
                    . await { break 'rate_limit_1::core::result::Result::Err(rejection.into()); }
                    'rate_limit_2 : { if let ::core::result::Result::Err(rejection) = __RATE_LIMIT_2
                    .admit(& __SITE, __POLICY_2.weight.fixed()). await { break
                    'rate_limit_2::core::result::Result::Err(rejection.into()); } edge.attempt(async
                    { if false { return __resilience::never:: < Result < (), E > > (); } store(rows).
                    await }). await } } }); __TIMEOUT_0.cut(timed). await } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_fallback_answers_on_top_and_below_a_retry() {
    check(
        "fallback",
        quote!(async cached),
        quote! {
            #[retry(attempts = 2, repeatable)]
            #[fallback(|_| Ok(name), when = is_down)]
            async fn load(name: String) -> Reply {
                fetch(name).await
            }
        },
        &expect![[r#"
            async fn load(name: String) -> Reply {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Fallback(__POLICY_0),
                    __resilience::policy::Policy::Retry(__POLICY_1),
                    __resilience::policy::Policy::Fallback(__POLICY_2),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use fallback as _;
                #[allow(unused_imports)]
                use retry as _;
                const __POLICY_0: __resilience::policy::fallback::Fallback = __resilience::policy::fallback::Fallback {
                    answer: "async cached",
                    ..__resilience::policy::fallback::Fallback::DEFAULT
                };
                const __POLICY_1: __resilience::policy::retry::Retry = __resilience::policy::retry::Retry {
                    attempts: 2u32,
                    repeatable: true,
                    ..__resilience::policy::retry::Retry::DEFAULT
                };
                const __POLICY_2: __resilience::policy::fallback::Fallback = __resilience::policy::fallback::Fallback {
                    answer: "| _ | Ok (name)",
                    when: "is_down",
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "load"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __RETRY_1: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                let edge = {
                    #[allow(unused_imports)]
                    use ::resilience::__private::BareResult as _;
                    ::resilience::__private::any_result::<Reply>().edge_classifying()
                };
                let call = ::core::pin::pin!(
                    async { 'fallback_0 : { let outcome = { let mut retry = __RETRY_1.start(); loop {
                    retry.begin(); let wait = { let outcome = 'fallback_2 : { let outcome = edge
                    .attempt(async { if false { return __resilience::never:: < Reply > (); } let name
                    = __resilience::again:: < String > (& name); fetch(name). await }). await; let
                    error = match edge.stands(& __SITE, outcome, ::core::option::Option::Some(&
                    is_down)) { ::core::result::Result::Ok(outcome) => break 'fallback_2 outcome,
                    ::core::result::Result::Err(error) => error, }; #[allow(unused_variables,
                    unused_mut)] let name = __resilience::again:: < String > (& name); let answer =
                    __resilience::answer(& edge, error, | _ | Ok(name)); edge.answered(answer) };
                    match retry.next(edge.verdict(& outcome, ::core::option::Option::None,
                    ::core::option::Option::None), ::core::option::Option::None) {
                    ::core::option::Option::Some(wait) => wait, ::core::option::Option::None => break
                    outcome, } }; __resilience::pause(wait). await; } }; let error = match edge
                    .stands(& __SITE, outcome, ::core::option::Option::None) {
                    ::core::result::Result::Ok(outcome) => break 'fallback_0 outcome,
                    ::core::result::Result::Err(error) => error, }; let answer =
                    __resilience::answer_later(& edge, error, async | error |
                    __resilience::awaited(cached(error)).future(). await). await; edge
                    .answered(answer) } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_function_without_a_result_has_a_fallback_on_top() {
    check(
        "fallback",
        quote!(|_| None),
        quote! {
            async fn find(id: u64) -> Option<u64> {
                Some(id)
            }
        },
        &expect![[r#"
            async fn find(id: u64) -> Option<u64> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Fallback(__POLICY_0),
                ];
                use ::resilience::__private as __resilience;
                const __POLICY_0: __resilience::policy::fallback::Fallback = __resilience::policy::fallback::Fallback {
                    answer: "| _ | None",
                    ..__resilience::policy::fallback::Fallback::DEFAULT
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "find"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                let edge = ::resilience::__private::edge::<
                    ::resilience::__private::Bare<Option<u64>>,
                >();
                let call = ::core::pin::pin!(
                    async { 'fallback : { let outcome = edge.attempt(async { if false { return
                    __resilience::never:: < Option < u64 > > (); } Some(id) }). await; let error =
                    match edge.stands(& __SITE, outcome, ::core::option::Option::None) {
                    ::core::result::Result::Ok(outcome) => break 'fallback outcome,
                    ::core::result::Result::Err(error) => error, }; let answer =
                    __resilience::answer(& edge, error, | _ | None); edge.answered(answer) } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_pool_gets_what_is_below_as_a_future_of_its_own() {
    check(
        "retry",
        quote!(attempts = 2, repeatable),
        quote! {
            #[bulkhead(pool = REPORTS)]
            #[timeout(ms = 500)]
            async fn report(self: Arc<Self>, mut title: String) -> Result<Report, Error> {
                title.push('!');
                self.write(&title).await
            }
        },
        &expect![[r#"
            async fn report(self: Arc<Self>, title: String) -> Result<Report, Error> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Retry(__POLICY_0),
                    __resilience::policy::Policy::Bulkhead(__POLICY_1),
                    __resilience::policy::Policy::Timeout(__POLICY_2),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use bulkhead as _;
                #[allow(unused_imports)]
                use timeout as _;
                const __POLICY_0: __resilience::policy::retry::Retry = __resilience::policy::retry::Retry {
                    attempts: 2u32,
                    repeatable: true,
                    ..__resilience::policy::retry::Retry::DEFAULT
                };
                const __POLICY_1: __resilience::policy::bulkhead::Bulkhead = __resilience::policy::bulkhead::Bulkhead {
                    pool: "REPORTS",
                    ..__resilience::policy::bulkhead::Bulkhead::DEFAULT
                };
                const __POLICY_2: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: ::core::time::Duration::from_millis(500u64),
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "report"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __RETRY_0: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                static __TIMEOUT_2: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_2,
                );
                let edge = ::resilience::__private::edge::<Result<Report, Error>>();
                let crossing = ::resilience::__private::crossing::<Result<Report, Error>>();
                let pool: &'static __resilience::Pool = &REPORTS;
                let mut self_slot = __resilience::slot(self);
                let mut title_slot = __resilience::slot::<String>(title);
                let call = ::core::pin::pin!(
                    async { { let mut retry = __RETRY_0.start(); loop { retry.begin(); let wait = {
                    let outcome = 'bulkhead : { let place = match pool.admit(& __SITE). await {
                    ::core::result::Result::Ok(place) => place,
                    ::core::result::Result::Err(rejection) => { break
                    'bulkhead::core::result::Result::Err(rejection.into()); } }; crossing.run(pool, &
                    __SITE, place, { let this = __resilience::hand_over(__resilience::hand_out(& mut
                    self_slot, retry.last())); let title =
                    __resilience::hand_over(__resilience::hand_out(& mut title_slot, retry.last()));
                    async move { { let timed = ::core::pin::pin!(edge.attempt(async { if false {
                    return __resilience::never:: < Result < Report, Error > > (); } let this = this;
                    let mut title = title; title.push('!'); this.write(& title). await }));
                    __TIMEOUT_2.cut(timed). await } } }). await }; match retry.next(edge.verdict(&
                    outcome, ::core::option::Option::None, ::core::option::Option::None),
                    ::core::option::Option::None) { ::core::option::Option::Some(wait) => wait,
                    ::core::option::Option::None => break outcome, } }; __resilience::pause(wait).
                    await; } } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_right_is_had_while_the_body_runs() {
    check(
        "exclusive",
        quote!(key = (self.name, day), lease = "30s", otherwise = wait),
        quote! {
            #[timeout(ms = 500)]
            async fn settle(&self, day: u64) -> Result<u32, Error> {
                self.work(day).await
            }
        },
        &expect![[r#"
            async fn settle(&self, day: u64) -> Result<u32, Error> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Exclusive(__POLICY_0),
                    __resilience::policy::Policy::Timeout(__POLICY_1),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use timeout as _;
                const __POLICY_0: __resilience::policy::exclusive::Exclusive = __resilience::policy::exclusive::Exclusive {
                    key: "(self . name , day)",
                    lease: ::core::time::Duration::from_secs(30u64),
                    otherwise: __resilience::policy::exclusive::Otherwise::Wait,
                };
                const __POLICY_1: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: ::core::time::Duration::from_millis(500u64),
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "settle"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __EXCLUSIVE_0: __resilience::Exclusive = __resilience::Exclusive::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                static __TIMEOUT_1: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                let edge = ::resilience::__private::edge_rejecting::<Result<u32, Error>>();
                let right = __resilience::Encoded::of(&(&self.name, &day));
                let call = ::core::pin::pin!(
                    async { 'exclusive : { let mut lead = match __EXCLUSIVE_0
                    .lead(::core::option::Option::Some(& right)). await {
                    ::core::result::Result::Ok(lead) => lead, ::core::result::Result::Err(rejection)
                    => { break 'exclusive::core::result::Result::Err(rejection.into()); } }; let held
                    = ::core::pin::pin!(async { { let timed = ::core::pin::pin!(edge.attempt(async {
                    if false { return __resilience::never:: < Result < u32, Error > > (); } self
                    .work(day). await })); __TIMEOUT_1.cut(timed). await } }); lead.keep(held). await
                    } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_transaction_is_lent_before_the_body_and_after_it() {
    check(
        "idempotent",
        quote!(key = order, tx = unit.tx),
        quote! {
            async fn charge(unit: &mut Unit<'_>, order: u64) -> Result<u64, PayError> {
                insert(unit, order).await
            }
        },
        &expect![[r#"
            async fn charge(unit: &mut Unit<'_>, order: u64) -> Result<u64, PayError> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Idempotent(__POLICY_0),
                ];
                use ::resilience::__private as __resilience;
                const __POLICY_0: __resilience::policy::idempotent::Idempotent = __resilience::policy::idempotent::Idempotent {
                    key: "order",
                    tx: "unit . tx",
                    ..__resilience::policy::idempotent::Idempotent::DEFAULT
                };
                static __SITE: __resilience::Site = __resilience::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "charge"),
                    ::core::file!(),
                    ::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __LEDGER_0: __resilience::SiteLedger = __resilience::SiteLedger::new(
                    &__SITE,
                    &__POLICY_0,
                );
                let edge = ::resilience::__private::edge_rejecting::<Result<u64, PayError>>();
                let transaction = __resilience::transaction(&mut unit.tx);
                let codec = __resilience::codec::<Result<u64, PayError>>();
                let names = {
                    let key = __resilience::Encoded::of(&order);
                    __resilience::Names {
                        key: key,
                        scope: ::core::option::Option::None,
                        fingerprint: ::core::option::Option::None,
                    }
                };
                let call = ::core::pin::pin!(
                    async { 'idempotent : { let claim = match __LEDGER_0.claim_in(& transaction, &
                    mut unit.tx, & names, & codec). await { __resilience::Entry::Run(claim) => claim,
                    __resilience::Entry::Done(outcome) => break 'idempotent outcome, }; let outcome =
                    edge.attempt(async { if false { return __resilience::never:: < Result < u64,
                    PayError > > (); } let unit = & mut * unit; insert(unit, order). await }). await;
                    claim.settle(& transaction, & mut unit.tx, outcome, & edge, & codec). await } }
                );
                let outcome = __resilience::enter(call).await;
                edge.leave(outcome)
            }
        "#]],
    );
}
