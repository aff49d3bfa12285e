// Names of persons, for systems that keep them in one field.

/** Words that begin a last name, though they look like a first one. */
const PARTICLES = new Set([
  'af', 'av', 'da', 'de', 'dei', 'del', 'della', 'den', 'der', 'di', 'dos', 'du', 'el', 'la', 'le', 'ten', 'ter', 'van', 'vom',
  'von', 'y', 'zu', 'zum', 'zur',
]);

/**
 * A person's name in two, each a text or null: the last word, with small words before it (`van der Berg`), is the last name.
 * What begins with a particle has no first name. `join` makes the same name of them again, but for double spaces.
 */
export function split(name) {
  const words = name.split(/\s+/u).filter(word => word !== '');
  let at = Math.max(words.length - 1, 0);
  while (at > 1 && /^\p{Lowercase}+$/u.test(words[at - 1])) at -= 1;
  if (at === 1 && PARTICLES.has(words[0])) at = 0;
  return [words.slice(0, at).join(' ') || null, words.slice(at).join(' ') || null];
}

/** A person's name from its two parts; null where both are empty. */
export function join(first, last) {
  return [first, last].map(part => (typeof part === 'string' ? part.trim() : '')).filter(part => part !== '').join(' ') || null;
}
