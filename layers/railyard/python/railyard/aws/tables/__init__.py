"""DynamoDB: records, conditional writes, transactions."""
