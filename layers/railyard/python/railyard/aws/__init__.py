"""The only boto3: one adapter for each thing that we ask AWS. All pages, errors translated, no policy."""
