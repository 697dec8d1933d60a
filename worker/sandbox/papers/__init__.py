"""The files of an invoice as the bureau makes them: PDF, OFD, XML. Pure."""
