import type { CallOptions } from "../index.js";

/** A language that {@link Sandbox.runCode} runs. Its interpreter has to be in the sandbox. */
export type CodeLanguage =
  | "python"
  | "javascript"
  | "typescript"
  | "bash"
  | "sh"
  | "ruby"
  | "perl"
  | "php"
  | "r"
  | (string & {});

/** How to run code. */
export interface RunCodeOptions extends CallOptions {
  /**
   * What the code is in. Python runs in a context and keeps its variables; code in other languages runs in a process of its
   * own: `javascript` as a module by `node`, `typescript` by `tsx`, `bash`, `sh`, `ruby`, `perl`, `php` (without its opening
   * tag) and `r` by `Rscript`. Default: `"python"`.
   */
  language?: CodeLanguage;
  /** The context, or its ID, for Python. Default: one that the sandbox has for all code that names none. */
  context?: CodeContext | string;
  /** Where the code runs, for this one time. Default: where the context was started, or the workspace. */
  cwd?: string;
  /** Variables on top of the sandbox's own, for this one time. */
  envs?: Record<string, string>;
  /**
   * How long it may take from the call on, in milliseconds, 1 to 86,400,000; waiting for other code in its context counts.
   * Code that still waits then never runs; code that runs is interrupted as by Ctrl-C. Either way the error is a
   * `TimeoutError`, also if the code goes on after the interrupt, and other code in the context is not touched. Variables
   * survive that. Python that does not heed the interrupt within 2 s is killed, and its context starts anew. Default: no
   * limit.
   */
  timeoutMs?: number;
  /** Gets what the code prints, as it comes; child processes count. It is not awaited. */
  onStdout?: (chunk: CodeOutputChunk) => void;
  /** Gets what the code prints to standard error, likewise. */
  onStderr?: (chunk: CodeOutputChunk) => void;
  /** Gets each result, once it is there. */
  onResult?: (result: CodeResult) => void;
  /** Gets the error, if there is one. */
  onError?: (error: CodeExecutionError) => void;
}

/** What code printed in one go. */
export interface CodeOutputChunk {
  /** The text: a line, a part of one, or several. */
  line: string;
  /** Whether it went to standard error. */
  error: boolean;
  /** When it came, in microseconds since 1970. */
  timestamp: number;
}

/** What code came to. Code that fails is a result, with `error`. */
export interface CodeExecution {
  /**
   * What Python showed: the value of the last expression, unless a `;` ends it, what went through `display()`, and figures
   * of Matplotlib. Empty for other languages.
   */
  results: CodeResult[];
  /** What was printed, by lines with their ends; the newest 4 MiB of each. */
  logs: {
    /** What went to standard output. */
    stdout: string[];
    /** What went to standard error. */
    stderr: string[];
  };
  /** What went wrong. */
  error?: CodeExecutionError;
  /** Which execution of its process it was, counted from 1; 0 if it did not begin, or the process ended under it. */
  executionCount: number;
  /** The texts of the results, or what was printed where there are none. */
  text: string;
  /** The context that it ran in, for Python. */
  contextId?: string;
  /**
   * True if the process before had ended, and the variables of earlier executions were lost: by a crash, a time limit, a
   * pause or another client. The first execution after that says so, and the next one of each handle that had used the
   * process before. For the `default` context also where another program ran the code before a pause.
   */
  contextRestarted?: boolean;
  /** True if something is not in here because it was too much: output, results, a part of one, or of the traceback. */
  truncated?: boolean;
}

/** One thing that code showed, in all the forms that it has. */
export interface CodeResult {
  /** As text: what `repr()` gives, or the string itself. */
  text?: string;
  /**
   * As data, where JSON can hold it, nested at most 100 deep; of a table the first 1,000 rows. Integers beyond
   * `Number.MAX_SAFE_INTEGER` are strings of their digits; what is no number, as `nan`, is `null`.
   */
  json?: unknown;
  /** As HTML. */
  html?: string;
  /** As Markdown. */
  markdown?: string;
  /** As LaTeX. */
  latex?: string;
  /** As an image, the text of an SVG file. */
  svg?: string;
  /** As an image, in base64. */
  png?: string;
  /** As an image, in base64. */
  jpeg?: string;
  /** True for the value of the last expression. */
  isMainResult?: boolean;
  /**
   * True if a form of it was cut or left out: more than 1 MiB (8 MiB for an image in base64), data that is nested too deep,
   * a table with more rows.
   */
  truncated?: boolean;
}

/** What went wrong in code. */
export interface CodeExecutionError {
  /**
   * The error's class in Python, as `ValueError`; `TimeoutError` if the time was up, `InterpreterCrashed` if the Python
   * process ended, `ExitError` for other languages.
   */
  name: string;
  /** What it says. */
  message: string;
  /** Where it happened, as Python prints it; for other languages, what was printed to standard error. */
  traceback: string;
  /** True if the message or the traceback is cut: more than 1 MiB. */
  truncated?: boolean;
}

/** Where Python code runs, and keeps its variables: a process of its own. */
export interface CodeContext {
  /** What it is called by. */
  contextId: string;
  /** What code in it is in. */
  language: "python";
  /** Where it was started, if that was said. */
  cwd?: string;
}

/** How to make a context. */
export interface CreateCodeContextOptions extends CallOptions {
  /** Only Python has contexts. */
  language?: "python";
  /** Where code runs in it, relative to the workspace. Default: the workspace. */
  cwd?: string;
}
