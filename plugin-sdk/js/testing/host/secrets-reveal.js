export function reveal(secret) {
  return `text of ${secret.name()}`;
}
