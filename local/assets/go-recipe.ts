/** How to build a program from its Go module. */
export interface GoRecipe {
  readonly version: string;
  /** Path of the directory with go.mod and go.sum. */
  readonly folder: string;
  readonly package: string;
  readonly cgo: boolean;
  readonly linkerFlags: readonly string[];
  /** How long it took on two cores with an empty build cache. */
  readonly usual: string;
}
