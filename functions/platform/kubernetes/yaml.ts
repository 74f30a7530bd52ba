/** JSON as the API server's YAML parser takes it: what it refuses in a text is written by its number. */

/** What YAML does not allow inside quotes, or folds into a blank (go-yaml `yaml_parser_update_buffer`); JSON does not mind. */
const refused = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** One line that is both JSON and YAML. Half a surrogate pair, which is neither, becomes U+FFFD. */
export function toYamlSafeJson(object: object): string {
  const json = JSON.stringify(object, (_key, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  );
  return json.replace(refused, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
