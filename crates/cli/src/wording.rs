//! Messages of the client and of servers, which name the SDK's calls, in the words of the command line.

/// The SDK's words and those of the command line; `ID` is the sandbox. What comes first wins.
const WORDS: &[(&str, &str)] = &[
    ("SEACLOUD_API_KEY or the `apiKey` option", "SEACLOUD_API_KEY or --api-key"),
    ("check the `proxy` option, or HTTPS_PROXY", "check HTTPS_PROXY"),
    ("put them into the `proxy` URL", "put them into the URL in HTTPS_PROXY"),
    ("pass its certificate as `ca`, or its file as NODE_EXTRA_CA_CERTS", "name its file in NODE_EXTRA_CA_CERTS"),
    ("no connection came about within `connectTimeoutMs`", "no connection came about in time"),
    ("`baseUrl`", "--base-url"),
    ("`apiKey`", "--api-key"),
    ("`projectId`", "--project-id"),
    ("`requestTimeoutMs`", "--request-timeout"),
    ("`readyTimeoutMs`", "--ready-timeout"),
    ("`keepOnFailure`", "--keep-on-failure"),
    ("`idempotencyKey`", "--idempotency-key"),
    ("pass the `sandboxId` of a created or listed sandbox", "`sandbar ls` shows those that there are"),
    ("`sandboxID`", "the sandbox's ID"),
    ("`templateID`", "the template"),
    ("`envVars`", "--env"),
    ("`metadata`", "--metadata"),
    ("`timeout`", "--timeout"),
    ("`state`", "--state"),
    ("`search`", "--search"),
    (
        "`sandbar dev -- node app.js` runs your app with a local service and sets both",
        "`sandbar serve` starts a server here, which commands find by themselves",
    ),
    ("`sandbar dev -- <command>` starts a local one", "`sandbar serve` starts a local one"),
    ("it goes on: connect(", "it goes on: `sandbar connect ID --pid "),
    (") follows it again", "` takes it up again"),
    ("it may have been started: list() shows it then", "it may have been started"),
    ("delete() it", "delete it"),
    (
        "connect({ timeout }) resumes it with a new one",
        "`sandbar resume ID --timeout SECONDS` starts it with a new one",
    ),
    ("connect() resumes it", "`sandbar resume ID` starts it"),
    ("connect()", "`sandbar resume ID`"),
    ("waitReady()", "`sandbar resume ID`"),
    ("read its logs", "read its log with `sandbar logs ID`"),
];

/// The message in the words of the command line.
pub(crate) fn for_command_line(message: &str, sandbox_id: Option<&str>) -> String {
    let mut text = message.to_owned();
    for (word, own) in WORDS {
        if text.contains(word) {
            text = text.replace(word, &own.replace("ID", sandbox_id.unwrap_or("ID")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::for_command_line;

    #[test]
    fn the_sdks_words_become_those_of_the_command_line() {
        let said = "sandbox sb-1 is paused: connect() resumes it";
        assert_eq!(for_command_line(said, Some("sb-1")), "sandbox sb-1 is paused: `sandbar resume sb-1` starts it");
        let said = "the API key was refused (401): check SEACLOUD_API_KEY or the `apiKey` option";
        let own = "the API key was refused (401): check SEACLOUD_API_KEY or --api-key";
        assert_eq!(for_command_line(said, None), own);
        let said = "the connection to process 42 was lost: it goes on: connect(42) follows it again";
        let own = "process 42 was lost: it goes on: `sandbar connect sb-1 --pid 42` takes it up again";
        assert!(for_command_line(said, Some("sb-1")).ends_with(own));
        assert_eq!(for_command_line("port 80 is taken", None), "port 80 is taken");
    }
}
