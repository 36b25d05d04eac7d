//! How the arguments of a function reach its body.

use expect_test::expect;
use quote::quote;

use super::check;

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
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "send"),
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
                static __RETRY_0: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                let edge = ::resilience::__private::edge_plain::<Result<_, E>>();
                let mut word_slot = __resilience::slot::<String>(word);
                let mut a_slot = __resilience::slot(a);
                let mut b_slot = __resilience::slot(b);
                let mut call = __resilience::Call::<0usize>::new();
                (&mut call).enter();
                let outcome = {
                    {
                        let mut retry = (&__RETRY_0).start();
                        'retry: loop {
                            (&mut retry).begin();
                            let wait = {
                                let outcome = {
                                    let body = __resilience::core::pin::pin!(
                                        async { if false { return __resilience::never:: < Result < _,
                                        E > > (); } let _ = & mut * self;
                                        #[allow(clippy::shadow_unrelated)] let mut word =
                                        __resilience::hand_out(& mut word_slot, (& retry).last());
                                        #[allow(clippy::shadow_unrelated)] let a =
                                        __resilience::hand_out(& mut a_slot, (& retry).last());
                                        #[allow(clippy::shadow_unrelated)] let b =
                                        __resilience::hand_out(& mut b_slot, (& retry).last());
                                        #[allow(clippy::shadow_unrelated)] let limit =
                                        __resilience::again:: < Limit > (& limit); self.out
                                        .push(word, a, b, limit) }
                                    );
                                    let outcome = (&mut call).run((&edge).attempt(body)).await;
                                    outcome
                                };
                                match (&retry)
                                    .next(
                                        (&edge)
                                            .verdict(
                                                &outcome,
                                                __resilience::core::option::Option::Some(
                                                    &|error| error.may_pass(limit),
                                                ),
                                                __resilience::core::option::Option::None,
                                            ),
                                        __resilience::core::option::Option::None,
                                    )
                                {
                                    __resilience::core::option::Option::Some(wait) => wait,
                                    __resilience::core::option::Option::None => break outcome,
                                }
                            };
                            match (&mut call).run(__resilience::pause(wait)).await {
                                __resilience::core::result::Result::Ok(value) => value,
                                __resilience::core::result::Result::Err(rejection) => {
                                    let outcome = __resilience::core::result::Result::Err(
                                        __resilience::Stop::Rejection(rejection),
                                    );
                                    break 'retry outcome;
                                }
                            };
                        }
                    }
                };
                (&mut call).leave(&outcome);
                (&edge).leave(outcome)
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
            async fn load(mut self: Arc<Self>, id: u32, name: &str) -> Result<Reply, E> {
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
                        __resilience::core::time::Duration::from_millis(50u64),
                    ),
                    repeatable: true,
                    ..__resilience::policy::hedge::Hedge::DEFAULT
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "load"),
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
                static __RETRY_0: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                static __HEDGE_1: __resilience::Hedge = __resilience::Hedge::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                let edge = ::resilience::__private::edge_classifying::<Result<Reply, E>>();
                let this = __resilience::again(&self);
                let mut call = __resilience::Call::<0usize>::new();
                (&mut call).enter();
                let outcome = {
                    {
                        let mut retry = (&__RETRY_0).start();
                        let mut self_slot = __resilience::slot(self);
                        'retry: loop {
                            (&mut retry).begin();
                            self = __resilience::hand_out(&mut self_slot, (&retry).last());
                            let wait = {
                                let outcome = {
                                    {
                                        let budget: &__resilience::RetryBudget = &this.budget;
                                        budget.earn();
                                    }
                                    let first = __resilience::core::pin::pin!(
                                        __resilience::core::option::Option::None
                                    );
                                    let mut race = (&__HEDGE_1)
                                        .race(
                                            first,
                                            __resilience::core::option::Option::Some({
                                                let budget: &__resilience::RetryBudget = &this.budget;
                                                budget
                                            }),
                                        );
                                    let self_slot = self;
                                    loop {
                                        self = __resilience::another(&self_slot);
                                        (&mut race)
                                            .start({
                                                #[allow(clippy::shadow_unrelated)]
                                                let id = __resilience::another::<u32>(&id);
                                                (&edge)
                                                    .attempt_later(async move {
                                                        if false {
                                                            return __resilience::never::<Result<Reply, E>>();
                                                        }
                                                        self.client.load(id, name).await
                                                    })
                                            });
                                        if let __resilience::core::option::Option::Some(outcome) = (&mut call)
                                            .run((&mut race))
                                            .await
                                        {
                                            break outcome;
                                        }
                                    }
                                };
                                match (&retry)
                                    .next(
                                        (&edge)
                                            .verdict(
                                                &outcome,
                                                __resilience::core::option::Option::None,
                                                __resilience::core::option::Option::None,
                                            ),
                                        __resilience::core::option::Option::None,
                                    )
                                {
                                    __resilience::core::option::Option::Some(wait) => wait,
                                    __resilience::core::option::Option::None => break outcome,
                                }
                            };
                            match (&mut call).run(__resilience::pause(wait)).await {
                                __resilience::core::result::Result::Ok(value) => value,
                                __resilience::core::result::Result::Err(rejection) => {
                                    let outcome = __resilience::core::result::Result::Err(
                                        __resilience::Stop::Rejection(rejection),
                                    );
                                    break 'retry outcome;
                                }
                            };
                        }
                    }
                };
                (&mut call).leave(&outcome);
                (&edge).leave(outcome)
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
            async fn report(mut self: Arc<Self>, title: String) -> Result<Report, Error> {
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
                    after: __resilience::core::time::Duration::from_millis(500u64),
                    ..__resilience::policy::timeout::Timeout::DEFAULT
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "report"),
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
                let mut title_slot = __resilience::slot::<String>(title);
                let mut call = __resilience::Call::<0usize>::new();
                (&mut call).enter();
                let outcome = {
                    {
                        let mut retry = (&__RETRY_0).start();
                        let mut self_slot = __resilience::slot(self);
                        'retry: loop {
                            (&mut retry).begin();
                            self = __resilience::hand_out(&mut self_slot, (&retry).last());
                            let wait = {
                                let outcome = 'bulkhead: {
                                    let place = match (&mut call).run(pool.admit(&__SITE)).await {
                                        __resilience::core::result::Result::Ok(value) => value,
                                        __resilience::core::result::Result::Err(rejection) => {
                                            let outcome = __resilience::core::result::Result::Err(
                                                __resilience::Stop::Rejection(rejection),
                                            );
                                            break 'bulkhead outcome;
                                        }
                                    };
                                    (&mut call)
                                        .run(
                                            (&crossing)
                                                .run(
                                                    pool,
                                                    &__SITE,
                                                    place,
                                                    {
                                                        self = __resilience::hand_over(self);
                                                        #[allow(clippy::shadow_unrelated)]
                                                        let title = __resilience::hand_over(
                                                            __resilience::hand_out(&mut title_slot, (&retry).last()),
                                                        );
                                                        async move {
                                                            let mut timeouts_1 = __resilience::Timeouts::<
                                                                1usize,
                                                            >::new();
                                                            'timeout_1_0: {
                                                                if let __resilience::core::result::Result::Err(rejection) = (&mut timeouts_1)
                                                                    .begin(0usize, &__TIMEOUT_2)
                                                                {
                                                                    break 'timeout_1_0 __resilience::core::result::Result::Err(
                                                                        __resilience::Stop::Rejection(rejection),
                                                                    );
                                                                }
                                                                let outcome = {
                                                                    #[allow(clippy::shadow_unrelated)]
                                                                    let mut title = title;
                                                                    let body = __resilience::core::pin::pin!(
                                                                        async move { if false { return __resilience::never:: <
                                                                        Result < Report, Error > > (); } { title.push('!'); self
                                                                        .write(& title). await } }
                                                                    );
                                                                    let outcome = {
                                                                        let outcome = (&mut timeouts_1)
                                                                            .run((&edge).attempt(body))
                                                                            .await;
                                                                        if let __resilience::core::option::Option::Some(_) = (&timeouts_1)
                                                                            .cut(1usize)
                                                                        {
                                                                            break 'timeout_1_0 outcome;
                                                                        }
                                                                        outcome
                                                                    };
                                                                    outcome
                                                                };
                                                                (&mut timeouts_1).end(0usize);
                                                                outcome
                                                            }
                                                        }
                                                    },
                                                ),
                                        )
                                        .await
                                };
                                match (&retry)
                                    .next(
                                        (&edge)
                                            .verdict(
                                                &outcome,
                                                __resilience::core::option::Option::None,
                                                __resilience::core::option::Option::None,
                                            ),
                                        __resilience::core::option::Option::None,
                                    )
                                {
                                    __resilience::core::option::Option::Some(wait) => wait,
                                    __resilience::core::option::Option::None => break outcome,
                                }
                            };
                            match (&mut call).run(__resilience::pause(wait)).await {
                                __resilience::core::result::Result::Ok(value) => value,
                                __resilience::core::result::Result::Err(rejection) => {
                                    let outcome = __resilience::core::result::Result::Err(
                                        __resilience::Stop::Rejection(rejection),
                                    );
                                    break 'retry outcome;
                                }
                            };
                        }
                    }
                };
                (&mut call).leave(&outcome);
                (&edge).leave(outcome)
            }
        "#]],
    );
}
