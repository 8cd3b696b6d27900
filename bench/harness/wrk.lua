-- The create that the other contestants send, and what wrk found as JSON in the last line.
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["x-api-key"] = "bench-key"
wrk.headers["x-request-id"] = "0b7e5f0e-2f6e-4c39-8e8c-2f9a3d2f2f2f"
wrk.headers["idempotency-key"] = "5d3f0f6a-3c0c-4b47-9d0e-6a8a3c1b7a11"
wrk.body = '{"templateID":"base","timeout":300,"metadata":{"purpose":"bench","run":"42","team":"core"},'
  .. '"envVars":{"NODE_ENV":"production","REGION":"eu-central-1","MODEL_URL":"http://10.0.0.7:8080/v1"}}'

function done(summary, latency)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read
  if failed > 0 then error(failed .. " requests failed") end
  print(string.format(
    '\n{"perSecond": %f, "p50Ms": %f, "p99Ms": %f}',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
