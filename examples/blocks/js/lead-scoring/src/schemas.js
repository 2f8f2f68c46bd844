// @ts-check
// JSON Schemas of the config, the input and the output.

/**
 * A rule whose test takes a value of this schema.
 *
 * @param {string[]} tests
 * @param {object} [value] none: the test takes no value
 */
function rule(tests, value) {
  return {
    type: "object",
    additionalProperties: false,
    required: value === undefined ? ["field", "test", "weight"] : ["field", "test", "value", "weight"],
    properties: {
      field: { description: "A member of the lead; dots lead into objects.", type: "string", minLength: 1 },
      test: { description: "How the member is looked at.", enum: tests },
      weight: { description: "Points that the rule gives; below 0, that it takes.", type: "number" },
      ...(value === undefined ? {} : { value }),
    },
  };
}

export const configSchema = {
  type: "object",
  additionalProperties: false,
  required: ["rules"],
  properties: {
    rules: {
      description: "What counts. A score of 100 is all that the rules can give.",
      type: "array",
      minItems: 1,
      items: {
        oneOf: [
          rule(["present"]),
          rule(["equals"], { description: "Compared without regard to case.", type: ["string", "number", "boolean"] }),
          rule(["oneOf"], { description: "Compared without regard to case.", type: "array", minItems: 1 }),
          rule(["contains"], { description: "A part of the text or of the list.", type: "string", minLength: 1 }),
          rule(["matches"], { description: "A regular expression.", type: "string", format: "regex", minLength: 1 }),
          rule(["atLeast", "atMost"], { description: "The bound, itself included.", type: "number" }),
          rule(["scale"], {
            description: "From the first number, which gives nothing, to the second, which gives all.",
            type: "array",
            minItems: 2,
            maxItems: 2,
            items: { type: "number" },
          }),
        ],
      },
    },
    threshold: {
      description: "The score from which a lead is qualified.",
      type: "number",
      minimum: 0,
      maximum: 100,
      default: 50,
    },
  },
};

export const inputSchema = { type: "array", items: { type: "object" } };

export const scoredSchema = {
  type: "array",
  items: {
    type: "object",
    required: ["score", "reasons"],
    properties: {
      score: { description: "From 0 to 100.", type: "integer", minimum: 0, maximum: 100 },
      reasons: { description: "The rules that counted.", type: "array", items: { type: "string" } },
    },
  },
};
