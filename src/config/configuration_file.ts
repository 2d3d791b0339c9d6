/**
 * The configuration file: one JSON object that may hold every configurable setting.
 *
 * @module
 */
import {
  fieldsOf,
  jsonSchemaOf,
  type SettingField,
  type Settings,
  settings,
  type SettingShape,
} from "../config.ts";
import { globalSettings } from "./global_settings.ts";
import { startSettings } from "./start_settings.ts";

/** Every setting that the environment and the configuration file may hold. */
export function configurableFields(): SettingField[] {
  const groups = [globalSettings, startSettings] as unknown as Settings[];
  return groups.flatMap(fieldsOf).filter(({ isConfigurable }) => isConfigurable);
}

/** The settings that a configuration file with these keys sets, one group each. */
export function configurableGroups(fileKeys: readonly string[]): Settings[] {
  const shapes: SettingShape = { ...globalSettings.shape, ...startSettings.shape };
  return configurableFields()
    .filter(({ fileKey }) => fileKeys.includes(fileKey))
    .map(({ key }) => settings({ [key]: shapes[key]! }));
}

/** The JSON schema of a configuration file, for editors. */
export function configurationJsonSchema(): Record<string, unknown> {
  const shapes: SettingShape = { ...globalSettings.shape, ...startSettings.shape };
  const properties: Record<string, unknown> = {};
  for (const field of configurableFields()) {
    properties[field.fileKey] = {
      ...jsonSchemaOf(shapes[field.key]!),
      ...(field.choices === undefined || field.key === "consistency"
        ? {}
        : { enum: field.choices }),
      ...(field.defaultText === undefined ? {} : { default: field.defaultText }),
    };
  }
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration file of raft",
    type: "object",
    properties: { $schema: { type: "string" }, ...properties },
    additionalProperties: false,
  };
}
