-- Which lessons are more confidential than what was taught by them: looked at whenever palier opens.
CREATE INDEX lesson_by_label ON lesson (CAST(words AS TEXT) ->> '$.label');
