//! What is claimed before the body runs.

use expect_test::expect;
use quote::quote;

use super::check;

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
                    lease: __resilience::core::time::Duration::from_secs(30u64),
                    otherwise: __resilience::policy::exclusive::Otherwise::Wait,
                };
                const __POLICY_1: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: __resilience::core::time::Duration::from_millis(500u64),
                    ..__resilience::policy::timeout::Timeout::DEFAULT
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "settle"),
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
                let mut call = __resilience::Call::<0usize>::new();
                (&mut call).enter();
                let outcome = {
                    'exclusive: {
                        let mut lead = match (&mut call)
                            .run(
                                (&__EXCLUSIVE_0)
                                    .lead(__resilience::core::option::Option::Some(&right)),
                            )
                            .await
                        {
                            __resilience::core::result::Result::Ok(value) => value,
                            __resilience::core::result::Result::Err(rejection) => {
                                let outcome = __resilience::core::result::Result::Err(
                                    __resilience::Stop::Rejection(rejection),
                                );
                                break 'exclusive outcome;
                            }
                        };
                        let held = __resilience::core::pin::pin!(
                            async { let mut timeouts_1 = __resilience::Timeouts:: < 1usize > ::new();
                            'timeout_1_0 : { if let
                            __resilience::core::result::Result::Err(rejection) = (& mut timeouts_1)
                            .begin(0usize, & __TIMEOUT_1) { break 'timeout_1_0
                            __resilience::core::result::Result::Err(__resilience::Stop::Rejection(rejection));
                            } let outcome = { let body = __resilience::core::pin::pin!(async { if
                            false { return __resilience::never:: < Result < u32, Error > > (); } let
                            _ = & * self; self.work(day). await }); let outcome = { let outcome = (&
                            mut timeouts_1).run((& edge).attempt(body)). await; if let
                            __resilience::core::option::Option::Some(_) = (& timeouts_1).cut(1usize)
                            { break 'timeout_1_0 outcome; } outcome }; outcome }; (& mut timeouts_1)
                            .end(0usize); outcome } }
                        );
                        let outcome = (&mut call).run((&mut lead).keep(held)).await;
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
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "charge"),
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
                static __LEDGER_0: __resilience::SiteLedger = __resilience::SiteLedger::new(
                    &__SITE,
                    &__POLICY_0,
                );
                let edge = ::resilience::__private::edge_rejecting::<Result<u64, PayError>>();
                let transaction = __resilience::transaction(&mut unit.tx);
                let codec = __resilience::codec::<Result<u64, PayError>>();
                let codec = {
                    #[allow(unused_imports)]
                    use __resilience::{ValuesNotCompared as _, ValuesCompared as _};
                    codec.values_compared()
                };
                let names = __resilience::Names {
                    key: {
                        let key = __resilience::Encoded::of(&order);
                        key
                    },
                    scope: __resilience::core::option::Option::None,
                    fingerprint: __resilience::core::option::Option::None,
                };
                let mut call = __resilience::Call::<0usize>::new();
                (&mut call).enter();
                let outcome = {
                    'idempotent: {
                        let claim = match (&mut call)
                            .run(
                                (&__LEDGER_0)
                                    .claim_in(
                                        &transaction,
                                        &mut unit.tx,
                                        &names,
                                        || __resilience::core::any::type_name_of_val(&|| ()),
                                    ),
                            )
                            .await
                        {
                            __resilience::Entry::Run(claim) => claim,
                            __resilience::Entry::Known(record) => {
                                break 'idempotent (&__LEDGER_0).replay(&record, &codec);
                            }
                            __resilience::Entry::Rejected(rejection) => {
                                let outcome = __resilience::core::result::Result::Err(
                                    __resilience::Stop::Rejection(rejection),
                                );
                                break 'idempotent outcome;
                            }
                        };
                        let outcome = {
                            let body = __resilience::core::pin::pin!(
                                async { if false { return __resilience::never:: < Result < u64,
                                PayError > > (); } #[allow(clippy::shadow_unrelated)] let unit = &
                                mut * unit; insert(unit, order). await }
                            );
                            let outcome = (&mut call).run((&edge).attempt(body)).await;
                            outcome
                        };
                        (&mut call)
                            .run(claim.settle(&transaction, &mut unit.tx, outcome, &edge, &codec))
                            .await
                    }
                };
                (&mut call).leave(&outcome);
                (&edge).leave(outcome)
            }
        "#]],
    );
}
