import type { secrets } from "blockyard-sdk";

/**
 * The text of a secret, for a block that cannot do without. Importing this file puts the interface `secrets-reveal`
 * among the component's imports, which needs a grant of its own; every use is written into the audit log.
 *
 * @throws {secrets.SecretError} if the operator has not granted it
 */
export function reveal(secret: secrets.Secret): string;
