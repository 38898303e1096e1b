// Makes a container: node container.js CONNECTION-STRING NAME
import { BlobServiceClient } from "@azure/storage-blob";

const [connection, name] = process.argv.slice(2);
await BlobServiceClient.fromConnectionString(connection).getContainerClient(name).createIfNotExists();
