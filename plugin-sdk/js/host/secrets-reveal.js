export { reveal } from "blockyard:block/secrets-reveal@0.1.0";
