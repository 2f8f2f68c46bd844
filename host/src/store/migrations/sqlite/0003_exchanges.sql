-- What an execution was asked besides its input (`{record, exchanges}`), and the HTTP exchanges of its calls, as JSON.
ALTER TABLE executions ADD COLUMN options TEXT;
ALTER TABLE node_results ADD COLUMN exchanges TEXT;
ALTER TABLE node_items ADD COLUMN exchanges TEXT;
