/* SPDX-License-Identifier: MIT */
/* The steps of an eigendecomposition in one precision. It is included once for each, with
 *
 *     REAL            double or float
 *     IN(name)        name_f64 or name_f32
 *     LAPACK(name)    LAPACKE_dname_work or LAPACKE_sname_work */

typedef struct IN(eigen_scratch) {
    REAL *diagonal;  /* [3, n] T's diagonal, its subdiagonal, the reflections' scales */
    REAL *vectors;   /* [n, n] Z, then U */
    REAL *work;      /* workspace, as large as that of stedc, which is the largest */
    REAL *triangles; /* [blocks, BACK_BLOCK, BACK_BLOCK] */
    REAL *columns;   /* [BACK_BLOCK, BACK_COLUMNS] */
    lapack_int *iwork;
    lapack_int n, n_work, n_iwork;
    lapack_int block_size, n_columns; /* BACK_*, or n where n is less */
} IN(eigen_scratch);

static void IN(free_eigen)(IN(eigen_scratch) * scratch)
{
    free(scratch->diagonal);
    free(scratch->vectors);
    free(scratch->work);
    free(scratch->triangles);
    free(scratch->columns);
    free(scratch->iwork);
}

static attrib_status IN(take_eigen)(size_t n, IN(eigen_scratch) * out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t block = n < BACK_BLOCK ? n : BACK_BLOCK;
    size_t columns = n < BACK_COLUMNS ? n : BACK_COLUMNS;
    size_t n_square = 0;
    size_t n_work = 0;
    size_t n_iwork = 0;
    AT_TRY(at_lapack_narrow(n, &out->n, err));
    AT_TRY(at_lapack_polynomial(n, 1, 4, 1, &n_work, err));
    AT_TRY(at_lapack_narrow(n_work, &out->n_work, err));
    AT_TRY(at_lapack_polynomial(n, 0, 5, 3, &n_iwork, err));
    AT_TRY(at_lapack_narrow(n_iwork, &out->n_iwork, err));
    AT_TRY(at_mul(n, n, &n_square, err));
    out->block_size = (lapack_int)block;
    out->n_columns = (lapack_int)columns;
    AT_TRY(at_array(n, 3 * sizeof(REAL), &out->diagonal, err));
    AT_TRY(at_array(n_square, sizeof(REAL), &out->vectors, err));
    AT_TRY(at_array(n_work, sizeof(REAL), &out->work, err));
    AT_TRY(at_array(n_iwork, sizeof *out->iwork, &out->iwork, err));
    AT_TRY(at_array((n + block - 1) / block * block, block * sizeof(REAL),
                    &out->triangles, err));
    AT_TRY(at_array(block, columns * sizeof(REAL), &out->columns, err));
done:
    return status;
}

/* Z becomes Q Z. Q = H_1 H_2 ..., whose reflections sytrd left in the columns of `a`
 * below the diagonal's neighbour; b of them are 1 - V T V', T [b, b] a triangle. */
static void IN(apply_reflections)(const REAL *a, IN(eigen_scratch) * scratch)
{
    lapack_int n = scratch->n;
    lapack_int n_reflections = n - 1;
    lapack_int size = scratch->block_size;
    size_t square = (size_t)size * (size_t)size;
    size_t next_diagonal = (size_t)n + 1;
    const REAL *tau = scratch->diagonal + 2 * (size_t)n;
    for (lapack_int i = 0; i < n_reflections; i += size) {
        lapack_int b = n_reflections - i < size ? n_reflections - i : size;
        LAPACK(larft)
        (LAPACK_COL_MAJOR, 'F', 'C', n_reflections - i, b,
         a + 1 + (size_t)i * next_diagonal, n, tau + i,
         scratch->triangles + (size_t)(i / size) * square, size);
    }
    for (lapack_int j = 0; j < n; j += scratch->n_columns) {
        lapack_int m = n - j < scratch->n_columns ? n - j : scratch->n_columns;
        REAL *z = scratch->vectors + (size_t)j * (size_t)n;
        for (lapack_int i = (n_reflections - 1) / size * size; i >= 0; i -= size) {
            lapack_int b = n_reflections - i < size ? n_reflections - i : size;
            LAPACK(larfb)
            (LAPACK_COL_MAJOR, 'L', 'N', 'F', 'C', n_reflections - i, m, b,
             a + 1 + (size_t)i * next_diagonal, n,
             scratch->triangles + (size_t)(i / size) * square, size, z + 1 + i, n,
             scratch->columns, m);
        }
    }
}

/* Eigenvectors of `a` [n, n], whose lower triangle by columns is read and which is
 * destroyed, into the rows of `vectors` [n, n], which may be `a`; and its values. */
static attrib_status IN(solve)(
    size_t n, REAL *a, double *vectors, double *values, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    IN(eigen_scratch) scratch = {0};
    lapack_int info = 0;
    AT_TRY(IN(take_eigen)(n, &scratch, err));
    info = LAPACK(sytrd)(LAPACK_COL_MAJOR, 'L', scratch.n, a, scratch.n, scratch.diagonal,
                         scratch.diagonal + n, scratch.diagonal + 2 * n, scratch.work,
                         scratch.n_work);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: sytrd ended with info %d", n,
             n, (int)info);
    info = LAPACK(stedc)(LAPACK_COL_MAJOR, 'I', scratch.n, scratch.diagonal,
                         scratch.diagonal + n, scratch.vectors, scratch.n, scratch.work,
                         scratch.n_work, scratch.iwork, scratch.n_iwork);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: stedc ended with info %d", n,
             n, (int)info);
    IN(apply_reflections)(a, &scratch);
    /* Eigenvectors are the columns of a column-major matrix: the rows of a row-major one.
     */
    for (size_t i = 0; i < n * n; i++) {
        vectors[i] = (double)scratch.vectors[i];
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = (double)scratch.diagonal[i];
    }
done:
    IN(free_eigen)(&scratch);
    return status;
}

#undef REAL
#undef IN
#undef LAPACK
