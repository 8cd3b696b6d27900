// What the contestants send: about 200 bytes for a create.
export const API_KEY = "bench-key";
export const TTL_SECS = 300;
export const METADATA = { purpose: "bench", run: "42", team: "core" };
export const ENV_VARS = { NODE_ENV: "production", REGION: "eu-central-1", MODEL_URL: "http://10.0.0.7:8080/v1" };

/** The same as JSON, for those who write the request by hand. */
export function createBody() {
  return JSON.stringify({ templateID: "base", timeout: TTL_SECS, metadata: METADATA, envVars: ENV_VARS });
}

export function timeoutBody() {
  return JSON.stringify({ timeout: TTL_SECS });
}
