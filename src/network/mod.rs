//! The back ends behind the port: TM Forum Open API v4 shapes over HTTP, client and mock.
