//! The time one request may spend on Redis, all its calls together.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// All Redis calls of one request share it: a frozen Redis costs a request no more than this.
pub const PER_REQUEST: Duration = Duration::from_millis(50);

tokio::task_local! {
    static LEFT: Cell<Duration>;
}

/// Runs one request with a budget of its own.
pub async fn of_request<F: Future>(request: F) -> F::Output {
    LEFT.scope(Cell::new(PER_REQUEST), request).await
}

/// Runs one Redis call within what is left; `None` when it ran out. Work outside of requests has the
/// whole budget for each call.
pub async fn within<F: Future>(call: F) -> Option<F::Output> {
    let left = LEFT.try_with(Cell::get).unwrap_or(PER_REQUEST);
    if left.is_zero() {
        return None;
    }
    let started = Instant::now();
    let outcome = tokio::time::timeout(left, call).await.ok();
    // Outside of a request there is nothing to charge.
    let _ = LEFT.try_with(|budget| budget.set(left.saturating_sub(started.elapsed())));
    outcome
}
