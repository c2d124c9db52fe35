// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import java.nio.file.Path;

/**
 * What every engine boots.
 *
 * @param initrd null: none
 */
record Guest(Path image, Path initrd, String commandLine, int memoryMib) {}
