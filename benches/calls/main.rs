//! What policies add to a call, beside the same by hand and by other crates, each used as its documentation says is fastest. All
//! candidates of a case have their turns within one run, so that a machine that slows down does so for all.
#![allow(missing_docs, reason = "a benchmark target")]

mod bodies;
mod candidates;
mod chart;
mod counting;
mod machine;
mod measure;
mod report;
mod towers;

use bodies::Shape;
use candidates::{CANDIDATES, Case};
use measure::Bench;
use report::Row;

/// Tasks, each on a worker of its own.
const TASKS: [usize; 2] = [1, 2];

fn main() {
    let mut rows = Vec::new();
    for tasks in TASKS {
        let bench = Bench::new(tasks);
        for shape in Shape::ALL {
            for case in Case::ALL.iter().filter(|case| case.has(shape)) {
                let candidates: Vec<_> =
                    CANDIDATES.iter().filter(|candidate| candidate.case == *case).collect();
                let measured = bench.compare(shape, &candidates);
                let found = candidates.iter().zip(measured).map(|(candidate, added)| Row {
                    case: case.name(),
                    candidate: candidate.name,
                    shape: shape.name(),
                    tasks,
                    added,
                    allocations: bench.allocations(shape, candidate),
                });
                let found: Vec<_> = found.collect();
                report::print(&found);
                rows.extend(found);
            }
        }
    }
    report::save(&rows);
}
