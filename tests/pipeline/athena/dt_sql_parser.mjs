// Print which of the statements on standard input, a JSON list, dt-sql-parser's grammar of Trino accepts.
import { register } from "node:module";
import { readFileSync } from "node:fs";

// its modules import folders, which Node resolves in CommonJS only
register(`data:text/javascript,export async function resolve(name, context, next) {
  for (const ending of ["", ".js", "/index.js"]) {
    try { return await next(name + ending, context); } catch (error) { if (ending === "/index.js") throw error; }
  }
}`);
const { TrinoSQL } = await import(`${process.argv[2]}/node_modules/dt-sql-parser/dist/index.js`);
const parser = new TrinoSQL();
const statements = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(statements.map((sql) => parser.validate(`${sql};`).length === 0)));
