-- What somebody wrote in the place of an answer: words, kept as comments are.
ALTER TABLE feedback_content ADD COLUMN correction TEXT NOT NULL DEFAULT '';
