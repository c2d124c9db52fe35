// SPDX-License-Identifier: Apache-2.0
/**
 * The four spaces that a number in this project can be an address in, as annotations of {@code
 * long}, and the page, which is one size in all of them. A name that ends with the space's name
 * ({@code missGpa}) needs no annotation inside a bundle; in the API both stand. The build compares
 * them wherever a value is passed, returned, assigned or compared.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.address;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
