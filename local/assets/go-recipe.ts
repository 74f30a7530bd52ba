/** How to build a part from its Go module; go.mod and go.sum are in the folder of the part's name, or in `folder`. */
export interface GoRecipe {
  readonly version: string;
  readonly folder?: string;
  readonly package: string;
  readonly cgo: boolean;
  readonly linkerFlags: readonly string[];
  /** How long it took on two cores with an empty build cache. */
  readonly usual: string;
}
