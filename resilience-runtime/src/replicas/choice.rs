//! Which member a call gets: (turn, tried, states) -> member.

use std::time::Duration;

/// A member that lets the call in, with what it gave: the one whose turn it is, unless the call has tried it, or one that
/// stands in. Otherwise the least time after which somebody may, where that is known.
pub(super) fn choose<P>(
    members: usize,
    turn: usize,
    tried: u64,
    is_closed: impl Fn(usize) -> bool,
    mut ask: impl FnMut(usize) -> Result<P, Option<Duration>>,
) -> Result<(usize, P), Option<Duration>> {
    let (first, round) = (turn % members, turn / members);
    let fresh = Some(first).filter(|first| !has(tried, *first));
    // Most calls need no look at anybody else.
    let others = std::iter::once_with(|| {
        let others = (0..members).filter(|member| Some(*member) != fresh);
        stand_ins(mask(others.clone()), mask(others.filter(|member| is_closed(*member))), tried, round)
    });
    let mut least: Option<Duration> = None;
    for member in fresh.into_iter().chain(others.flatten()) {
        match ask(member) {
            Ok(permit) => return Ok((member, permit)),
            Err(wait) => least = least.into_iter().chain(wait).min(),
        }
    }
    Err(least)
}

/// In which order others are asked: first those that the call has not tried, and of these first the healthy ones. They take
/// turns from round to round, or the next in line would do the work of two.
fn stand_ins(others: u64, closed: u64, tried: u64, round: usize) -> impl Iterator<Item = usize> {
    let tiers = [!tried & closed, !tried & !closed, tried & closed, tried & !closed];
    tiers.into_iter().flat_map(move |tier| rotated(others & tier, round))
}

fn rotated(mask: u64, by: usize) -> impl Iterator<Item = usize> {
    let all = (0..64).filter(move |member| has(mask, *member));
    let begin = by.checked_rem(mask.count_ones() as usize).unwrap_or(0);
    all.clone().skip(begin).chain(all.take(begin))
}

fn has(mask: u64, member: usize) -> bool {
    mask >> member & 1 == 1
}

fn mask(members: impl Iterator<Item = usize>) -> u64 {
    members.fold(0, |mask, member| mask | 1 << member)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_turn_goes_round() {
        let all = |turn| choose(3, turn, 0, |_| true, |_| Ok(())).map(|(member, ())| member);
        assert_eq!([0, 1, 2, 3, 4].map(all), [0, 1, 2, 0, 1].map(Ok));
    }

    #[test]
    fn all_stand_in_alike_for_those_that_are_down() {
        for down in [0b0010u64, 0b0110, 0b1010, 0b0111] {
            let mut got = [0; 4];
            for turn in 0..2_400 {
                let is_up = |member| !has(down, member);
                let ask = |member| if is_up(member) { Ok(()) } else { Err(None) };
                let (member, ()) = choose(4, turn, 0, is_up, ask).expect("one is up");
                got[member] += 1;
            }
            let each = 2_400 / (4 - down.count_ones());
            let expected: [_; 4] = std::array::from_fn(|member| if has(down, member) { 0 } else { each });
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn the_least_wait_of_all_is_told() {
        let waits = [Some(ms(7)), None, Some(ms(3))];
        assert_eq!(choose::<()>(3, 1, 0, |_| false, |member| Err(waits[member])), Err(Some(ms(3))));
        assert_eq!(choose::<()>(2, 1, 3, |_| false, |_| Err(None)), Err(None));
    }

    proptest! {
        /// Closed members let everybody in; of the others, those that have a probe to give.
        #[test]
        fn one_that_lets_in_is_found_in_the_order_of_preference(
            members in 1usize..=64, turn: usize, tried: u64, closed: u64, probes: u64,
        ) {
            let lets_in = closed | probes;
            let mut asked = Vec::new();
            let chosen = choose(members, turn, tried, |member| has(closed, member), |member| {
                asked.push(member);
                if has(lets_in, member) { Ok(()) } else { Err(Some(ms(member as u64))) }
            });
            let all = 0..members;
            let own = turn % members;
            let rank = |member: usize| match (has(tried, member), has(closed, member)) {
                (false, _) if member == own => 0,
                (tried, closed) => 1 + 2 * u8::from(tried) + u8::from(!closed),
            };
            let best = all.clone().filter(|member| has(lets_in, *member)).map(rank).min();
            match chosen {
                Ok((member, ())) => {
                    prop_assert!(member < members && has(lets_in, member));
                    prop_assert_eq!(Some(rank(member)), best);
                }
                Err(wait) => {
                    prop_assert_eq!(best, None);
                    prop_assert_eq!(wait, Some(Duration::ZERO), "the least of all");
                }
            }
            let count = asked.len();
            asked.sort_unstable();
            asked.dedup();
            prop_assert_eq!(count, asked.len(), "nobody is asked twice");
        }
    }
}
