// RFC 3339 and HTTP dates, in microseconds since 1970, UTC. JavaScript's own dates keep milliseconds only.

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?)?$/;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** RFC 3339 text with microseconds as they are needed (none, three or six digits), `Z`. */
export function rfc3339(us) {
  const whole = new Date(Math.floor(us / 1_000_000) * 1000).toISOString().slice(0, 19);
  const fraction = ((us % 1_000_000) + 1_000_000) % 1_000_000;
  if (fraction === 0) return `${whole}Z`;
  const digits = String(fraction).padStart(6, '0');
  return `${whole}.${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`;
}

/**
 * Parses RFC 3339 (`T` or a blank, an offset or `Z`; without one it is taken as UTC; a date alone is its midnight);
 * undefined for anything else.
 */
export function parseRfc3339(text) {
  const found = RFC3339.exec(text.trim());
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(digits => Number(digits ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 60) return undefined;
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  const fraction = Number((found[7] ?? '').slice(0, 6).padEnd(6, '0'));
  const offset = (found[8] === '-' ? -1 : 1) * (Number(found[9] ?? 0) * 60 + Number(found[10] ?? 0));
  return midnight.getTime() * 1000 + ((hour * 60 + minute - offset) * 60 + second) * 1_000_000 + fraction;
}

/** Parses `Sun, 06 Nov 1994 08:49:37 GMT`; undefined for anything else. */
export function parseHttpDate(text) {
  const found = /^\S+\s+(\d{1,2})\s+(\S+)\s+(\d{4})\s+(\d\d:\d\d:\d\d)\s+GMT$/.exec(text.trim());
  const month = MONTHS.indexOf(found?.[2].toLowerCase() ?? '') + 1;
  if (month === 0) return undefined;
  return parseRfc3339(`${found[3]}-${String(month).padStart(2, '0')}-${found[1].padStart(2, '0')}T${found[4]}Z`);
}
