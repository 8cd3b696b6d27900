/** Whether two types are the same, `any` told apart from all others. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles if the value has exactly this type: `expectType<string>()(value, true)`. */
export declare function expectType<Expected>(): <Actual>(value: Actual, same: Same<Actual, Expected>) => void;

/** A value of a type, where none can be made. */
export declare function some<T>(): T;
