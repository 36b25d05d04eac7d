//! What is computed, and when.

use expect_test::expect;
use quote::quote;

use super::check;

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
                    ..__resilience::policy::timeout::Timeout::DEFAULT
                };
                const _: () = if let __resilience::core::option::Option::Some(found) = __resilience::policy::judge(
                    __RESILIENCE_STACK,
                    &[],
                    false,
                ) {
                    if (&found).blames(0usize, "after") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if found.policy == 0usize {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "call"),
                    __resilience::core::option::Option::Some(__resilience::core::module_path!()),
                    __here,
                    __resilience::core::file!(),
                    __resilience::core::line!(),
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
                let mut call = __resilience::Call::<1usize>::new();
                (&mut call).enter();
                let outcome = {
                    'timeout_0_0: {
                        if let __resilience::core::result::Result::Err(rejection) = (&mut call
                            .timeouts)
                            .begin(0usize, &__TIMEOUT_0)
                        {
                            break 'timeout_0_0 __resilience::core::result::Result::Err(
                                __resilience::Stop::Rejection(rejection),
                            );
                        }
                        let outcome = {
                            let body = __resilience::core::pin::pin!(
                                async { if false { return __resilience::never:: < Result < (), E > >
                                (); } Ok(()) }
                            );
                            let outcome = {
                                let outcome = (&mut call).run((&edge).attempt(body)).await;
                                if let __resilience::core::option::Option::Some(_) = (&call.timeouts)
                                    .cut(1usize)
                                {
                                    break 'timeout_0_0 outcome;
                                }
                                outcome
                            };
                            outcome
                        };
                        (&mut call.timeouts).end(0usize);
                        outcome
                    }
                };
                (&mut call).leave(&outcome);
                (&edge).leave(outcome)
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
                    after: __resilience::core::time::Duration::from_millis(500u64),
                    ..__resilience::policy::timeout::Timeout::DEFAULT
                };
                const __POLICY_1: __resilience::policy::rate_limit::RateLimit = __resilience::policy::rate_limit::RateLimit {
                    permits: 1000u32,
                    burst: __resilience::core::option::Option::Some(500u32),
                    weight: __resilience::policy::rate_limit::Weight::Computed(
                        "rows . len () as u32",
                    ),
                    max_wait: __resilience::core::option::Option::Some(
                        __resilience::core::time::Duration::from_millis(100u64),
                    ),
                    ..__resilience::policy::rate_limit::RateLimit::DEFAULT
                };
                const __POLICY_2: __resilience::policy::rate_limit::RateLimit = __resilience::policy::rate_limit::RateLimit {
                    permits: 10u32,
                    weight: __resilience::policy::rate_limit::Weight::Fixed({
                        let weight: __resilience::core::primitive::u32 = COST;
                        weight
                    }),
                    fleet: __resilience::core::option::Option::Some(
                        __resilience::policy::rate_limit::Fail::Open,
                    ),
                    ..__resilience::policy::rate_limit::RateLimit::DEFAULT
                };
                const _: () = if let __resilience::core::option::Option::Some(found) = __resilience::policy::judge(
                    __RESILIENCE_STACK,
                    &[],
                    false,
                ) {
                    if (&found).blames(0usize, "after") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if found.policy == 0usize {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if (&found).blames(1usize, "permits") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if (&found).blames(1usize, "burst") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if (&found).blames(1usize, "weight") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if (&found).blames(1usize, "max_wait") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if found.policy == 1usize {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if (&found).blames(2usize, "permits") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if (&found).blames(2usize, "weight") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if (&found).blames(2usize, "fleet") {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                    if found.policy == 2usize {
                        __resilience::core::panic!("{}", (& found).message())
                    }
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "insert"),
                    __resilience::core::option::Option::Some(__resilience::core::module_path!()),
                    __here,
                    __resilience::core::file!(),
                    __resilience::core::line!(),
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
                let weight_1: __resilience::core::primitive::u32 = rows.len() as u32;
                let mut call = __resilience::Call::<1usize>::new();
                (&mut call).enter();
                let outcome = {
                    'timeout_0_0: {
                        if let __resilience::core::result::Result::Err(rejection) = (&mut call
                            .timeouts)
                            .begin(0usize, &__TIMEOUT_0)
                        {
                            break 'timeout_0_0 __resilience::core::result::Result::Err(
                                __resilience::Stop::Rejection(rejection),
                            );
                        }
                        let outcome = 'rate_limit_1: {
                            match (&mut call).run((&__RATE_LIMIT_1).admit(&__SITE, weight_1)).await {
                                __resilience::core::result::Result::Ok(value) => value,
                                __resilience::core::result::Result::Err(rejection) => {
                                    let outcome = __resilience::core::result::Result::Err(
                                        __resilience::Stop::Rejection(rejection),
                                    );
                                    if let __resilience::core::option::Option::Some(_) = (&call
                                        .timeouts)
                                        .cut(1usize)
                                    {
                                        break 'timeout_0_0 outcome;
                                    }
                                    break 'rate_limit_1 outcome;
                                }
                            };
                            'rate_limit_2: {
                                match (&mut call)
                                    .run(
                                        (&__RATE_LIMIT_2)
                                            .admit(&__SITE, (&__POLICY_2.weight).fixed()),
                                    )
                                    .await
                                {
                                    __resilience::core::result::Result::Ok(value) => value,
                                    __resilience::core::result::Result::Err(rejection) => {
                                        let outcome = __resilience::core::result::Result::Err(
                                            __resilience::Stop::Rejection(rejection),
                                        );
                                        if let __resilience::core::option::Option::Some(_) = (&call
                                            .timeouts)
                                            .cut(1usize)
                                        {
                                            break 'timeout_0_0 outcome;
                                        }
                                        break 'rate_limit_2 outcome;
                                    }
                                };
                                {
                                    let body = __resilience::core::pin::pin!(
                                        async { if false { return __resilience::never:: < Result <
                                        (), E > > (); } store(rows). await }
                                    );
                                    let outcome = {
                                        let outcome = (&mut call).run((&edge).attempt(body)).await;
                                        if let __resilience::core::option::Option::Some(_) = (&call
                                            .timeouts)
                                            .cut(1usize)
                                        {
                                            break 'timeout_0_0 outcome;
                                        }
                                        outcome
                                    };
                                    outcome
                                }
                            }
                        };
                        (&mut call.timeouts).end(0usize);
                        outcome
                    }
                };
                (&mut call).leave(&outcome);
                (&edge).leave(outcome)
            }
        "#]],
    );
}
