//! Reading answers and checking options.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sandbar_protocol::{CreateOptions, DecodedError, Sandbox};
use serde_json::{Value, json};

/// What a create gives back: about 900 bytes.
fn sandbox() -> Value {
    let at = |millis: u32| format!("2026-01-01T00:00:00.{millis:03}Z");
    json!({
        "sandboxID": "sb-00000000000ff64800000000",
        "templateID": "base",
        "clientID": "local",
        "envdAccessToken": "e".repeat(64),
        "envdUrl": "http://127.0.0.1:7410/envd/sb-00000000000ff64800000000",
        "status": "running",
        "state": "running",
        "startedAt": at(0),
        "activatedAt": at(21),
        "endAt": "2026-01-01T00:30:00Z",
        "timeline": [
            {"phase": "accepted", "status": "completed", "timestamp": at(0), "message": "the sandbox was accepted"},
            {"phase": "starting", "status": "completed", "timestamp": at(1), "message": "claimed a warm runtime"},
            {"phase": "runtime_ready", "status": "completed", "timestamp": at(19), "message": "its first health check"},
            {"phase": "ready", "status": "completed", "timestamp": at(21), "durationMs": 21.25},
        ],
    })
}

fn read(c: &mut Criterion) {
    let one = sandbox().to_string();
    let page = json!(vec![sandbox(); 100]).to_string();
    let error = json!({
        "code": 404,
        "message": "sandbox sb-1 was not found",
        "request_id": "0b7e5f0e-2f6e-4c39-8e8c-2f9a3d2f2f2f",
        "error": {"code": "sandbox_not_found", "message": "sandbox sb-1 was not found", "details": {"sandboxID": "sb-1"}},
    })
    .to_string();
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Bytes(one.len() as u64));
    group.bench_function("a sandbox", |b| b.iter(|| serde_json::from_str::<Sandbox>(&one)));
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("a page of 100", |b| b.iter(|| serde_json::from_str::<Vec<Sandbox>>(&page)));
    group.throughput(Throughput::Bytes(error.len() as u64));
    group.bench_function("an error", |b| b.iter(|| DecodedError::decode(error.as_bytes())));
    group.finish();
}

fn check(c: &mut Criterion) {
    let good = json!({
        "templateID": "base",
        "timeout": 300,
        "metadata": {"purpose": "bench", "run": "42"},
        "envVars": {"NODE_ENV": "production", "REGION": "eu-central-1"},
    });
    let misspelt = json!({"templateID": "base", "timeuot": 300});
    let mut group = c.benchmark_group("check");
    group.bench_function("options", |b| b.iter(|| CreateOptions::from_json(&good)));
    group.bench_function("a misspelt option", |b| b.iter(|| CreateOptions::from_json(&misspelt)));
    group.finish();
}

criterion_group!(benches, read, check);
criterion_main!(benches);
