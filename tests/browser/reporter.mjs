// Reports checks: a line for each, what went wrong, and at the end how many passed and failed.
export default async function* reporter(events) {
  const count = { passed: 0, skipped: 0, failed: 0 };
  for await (const { type, data } of events) {
    // The file itself is reported as a test too; only what it holds is counted.
    if (data?.nesting === 0 && data.name?.endsWith(".mjs") && type === "test:pass") continue;
    if (type === "test:pass" && data.skip !== undefined) {
      count.skipped += 1;
      yield `skipped ${data.name} (${data.skip})\n`;
    } else if (type === "test:pass") {
      count.passed += 1;
      yield `ok      ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
    } else if (type === "test:fail") {
      count.failed += 1;
      const error = data.details.error?.cause ?? data.details.error;
      yield `FAILED  ${data.name}\n        ${String(error?.message ?? error).replaceAll("\n", "\n        ")}\n`;
    } else if (type === "test:stderr" || type === "test:stdout") {
      yield data.message;
    }
  }
  yield `${count.passed} passed, ${count.failed} failed${count.skipped ? `, ${count.skipped} skipped` : ""}\n`;
}
