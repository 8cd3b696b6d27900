//! What a call costs besides its request: arguments, errors, and whether to send it again.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sandbar_client::{ApiError, Args, Call, ClientError, ErrorRecord, bench};
use serde_json::json;

fn arguments(c: &mut Criterion) {
    let create = json!({
        "template": "base",
        "options": {
            "timeout": 300,
            "metadata": {"purpose": "bench", "run": "42"},
            "envVars": {"NODE_ENV": "production", "REGION": "eu-central-1"},
        },
    })
    .to_string();
    let refused = json!({"template": "base", "options": {"timeoutMs": 300_000}}).to_string();
    let timeout = json!({"sandboxId": "sb-1", "options": {"timeout": 300}}).to_string();
    let mut group = c.benchmark_group("arguments");
    group.bench_function("create", |b| b.iter(|| Args::parse(&create).map(|args| args.create())));
    group.bench_function("create, refused", |b| b.iter(|| Args::parse(&refused).map(|args| args.create())));
    group.bench_function("setTimeout", |b| b.iter(|| Args::parse(&timeout).map(|args| args.timeout())));
    group.finish();
}

fn failure(status: u16) -> ClientError {
    ClientError::Api(Box::new(ApiError {
        status,
        code: Some("sandbox_not_found".to_owned()),
        message: Some("sandbox sb-1 was not found".to_owned()),
        details: None,
        body: None,
        retry_after: None,
        location: None,
        call: Call { method: "GET", path: "/api/v1/sandboxes/sb-1".to_owned(), attempts: 1, ..Call::default() },
    }))
}

fn failures(c: &mut Criterion) {
    let (unavailable, not_found) = (failure(503), failure(404));
    let mut group = c.benchmark_group("failure");
    group.bench_function("send again? yes", |b| b.iter(|| bench::pause_before_repeat(black_box(&unavailable))));
    group.bench_function("send again? no", |b| b.iter(|| bench::pause_before_repeat(black_box(&not_found))));
    group.bench_function("as a record", |b| b.iter(|| ErrorRecord::from(&not_found)));
    group.finish();
}

criterion_group!(benches, arguments, failures);
criterion_main!(benches);
